/** A GET that was answered. */
export type Answered = Readonly<{
  /** When, milliseconds since 1970. */
  at: number;
  /** How long it has waited for Redis, all in all. */
  redis_ms: number;
}>;

type Line = { time: string; method: string; status: number; redis_ms: number };

/** The GETs in what replicas have logged, one JSON object a line. Anything else may stand between. */
export function answeredGets(output: string): Answered[] {
  return output.split("\n").flatMap((line) => {
    if (!line.startsWith("{") || !line.includes('"redis_ms":')) return [];
    const { time, method, status, redis_ms } = JSON.parse(line) as Line;
    return method === "GET" && status < 400 ? [{ at: Date.parse(time), redis_ms }] : [];
  });
}
