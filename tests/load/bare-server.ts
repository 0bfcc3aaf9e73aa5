/**
 * The yardstick of `bun run load cached-read` and `cached-redis`: a bare `Bun.serve` that answers every request with the
 * bytes and headers of the file that it is given. With `redis_url` the bytes are read from there, by one `client.get` of
 * one of so many `keys`, which it fills first.
 */
import { createClient, RESP_TYPES } from "redis";

type Answer = { body: string; headers: Record<string, string>; redis_url?: string; keys?: number };

const { body, headers, redis_url, keys = 0 } = (await Bun.file(Bun.argv[2] ?? "").json()) as Answer;
const bytes = new TextEncoder().encode(body);
const read = redis_url === undefined ? null : await filled(redis_url);

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  fetch: read === null ? answer : fetched(read),
});

function answer(request: Request): Response {
  if (request.url.endsWith("/metrics")) return usage();
  return new Response(bytes, { headers });
}

function fetched(get: (key: string) => Promise<Uint8Array | null>) {
  let turn = 0;
  return async (request: Request): Promise<Response> => {
    if (request.url.endsWith("/metrics")) return usage();
    turn = (turn + 1) % keys;
    return new Response((await get(`bare:${turn}`)) as Uint8Array<ArrayBuffer>, { headers });
  };
}

async function filled(url: string): Promise<(key: string) => Promise<Uint8Array | null>> {
  const client = createClient({ url, RESP: 3 }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await client.connect();
  await Promise.all(Array.from({ length: keys }, (_, key) => client.set(`bare:${key}`, body)));
  return (key) => client.get(key);
}

function usage(): Response {
  const { user, system } = process.cpuUsage();
  return new Response(
    `process_cpu_seconds_total ${(user + system) / 1e6}\nprocess_resident_memory_bytes ${process.memoryUsage.rss()}\n`,
  );
}
