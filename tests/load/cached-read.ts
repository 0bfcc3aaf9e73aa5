import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ServerProcess, startListener } from "../helpers/server-process.ts";
import { median, requireOnly200, startBench } from "./bench.ts";
import { getRequest, saturate } from "./closed-loop.ts";

const path = "/api/v1/dashboard/stats";
const clients = 16;
const rounds = 7;
/** Goal P1. */
const ratioFloor = 0.6;

type Figures = Readonly<{ per_second: number; cpu_us: number; p99_ms: number }>;

/**
 * A cached dashboard with everything on (token, session, rate limit, sampled log, metrics, Redis there) against a bare
 * `Bun.serve` that returns the same bytes and the same headers, in interleaved rounds. Prints requests a second and
 * processor time a request.
 *
 * @returns whether the floor holds
 */
export async function measureCachedRead({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    const { api, token, folder } = await startBench(started);
    const bare = await startBare(await requireHits(api, token), folder);
    started.defer(() => bare.stop());
    const ratios: number[] = [];
    const cpu: number[] = [];
    // Servers take a while to be compiled where they are hot.
    for (const server of [api, bare]) await run(server, token, 2);
    for (let round = 1; round <= rounds; round += 1) {
      const yardstick = await run(bare, token, seconds);
      const ours = await run(api, token, seconds);
      ratios.push(ours.per_second / yardstick.per_second);
      cpu.push(ours.cpu_us / yardstick.cpu_us);
      print(`round ${round}: API ${describe(ours)}; bare ${describe(yardstick)}; ratio ${last(ratios)}`);
    }
    await requireHits(api, token);
    print(
      `cached GET with everything on vs bare Bun.serve, ${clients} clients: ${median(ratios).toFixed(3)} ` +
        `(${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}, floor ${ratioFloor}); ` +
        `processor time a request ${median(cpu).toFixed(2)} times the bare one`,
    );
    return median(ratios) >= ratioFloor;
  } finally {
    await started.disposeAsync();
  }
}

/** The yardstick, with an answer of ours; what Bun adds by itself is left to it. */
async function startBare(answer: Response, folder: string): Promise<ServerProcess> {
  const file = join(folder, "answer.json");
  const headers = Object.fromEntries(answer.headers);
  for (const name of ["date", "content-length", "connection", "transfer-encoding"]) delete headers[name];
  writeFileSync(file, JSON.stringify({ body: await answer.text(), headers }));
  return startListener(["tests/load/bare-server.ts", file], {});
}

/** Waits until the dashboard is answered from memory. */
async function requireHits(api: ServerProcess, token: string): Promise<Response> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const response = await fetch(`${api.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    const from = response.headers.get("cache-status");
    if (response.status === 200 && from?.includes("detail=l1") === true) return response;
    if (performance.now() > deadline) throw new Error(`${path} is not cached: ${response.status} ${from}`);
    await response.arrayBuffer();
    await Bun.sleep(20);
  }
}

async function run(server: ServerProcess, token: string, seconds: number): Promise<Figures> {
  const before = await server.usage();
  const result = await saturate({
    hostname: "127.0.0.1",
    port: server.port,
    requests: [getRequest(path, token)],
    connections: clients,
    warmup_ms: 0,
    duration_ms: seconds * 1_000,
  });
  const after = await server.usage();
  requireOnly200(result);
  return {
    per_second: result.per_second,
    cpu_us: ((after.cpu_ms - before.cpu_ms) * 1_000) / result.requests,
    p99_ms: result.p99_ms,
  };
}

const describe = ({ per_second, cpu_us, p99_ms }: Figures): string =>
  `${per_second.toFixed(0)}/s (${cpu_us.toFixed(1)} µs CPU, p99 ${p99_ms.toFixed(2)} ms)`;
const last = (values: readonly number[]): string => (values.at(-1) ?? 0).toFixed(3);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
