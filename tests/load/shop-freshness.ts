import { type ServerProcess, startServerProcess } from "../helpers/server-process.ts";
import { type Bench, startBench } from "./bench.ts";

const writes_per_second = 20;
const ask_every_ms = 2;
/** While the bus is healthy. */
const fresh_within_ms = 50;
/** Of the writes; the others show how long this machine, whose cores the replicas share, keeps a process waiting. */
const share_floor = 0.99;
const give_up_ms = 5_000;

const paths = ["/api/v1/dashboard/recent-jobs", "/api/v1/dashboard/chart/jobs-by-status"] as const;
type Page = { server: ServerProcess; path: string; etag: string; own: boolean };

/**
 * Jobs made on one of three replicas after another while a person looks at two pages of the dashboard on each: how long
 * after the write was answered a page can still be the old one, and that the next poll of it is a 304.
 *
 * @returns whether no page was old on the replica that wrote, and nearly none elsewhere after 50 ms
 */
export async function measureShopFreshness({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    const bench = await startBench(started);
    const others: ServerProcess[] = [];
    for (const replica of ["api-2", "api-3"]) {
      const server = await startServerProcess({ ...bench.env, REPLICA: replica });
      started.defer(() => server.stop());
      others.push(server);
    }
    const servers = [bench.api, ...others];
    const old_ms = { own: [] as number[], other: [] as number[] };
    let polls = 0;
    let unchanged = 0;
    const count = Math.ceil(seconds * writes_per_second);
    // The first are not counted: caches fill, and code is compiled.
    for (let n = -writes_per_second; n < count; n += 1) {
      const began = performance.now();
      const writer = servers[Math.abs(n) % servers.length] ?? bench.api;
      const pages = await look(bench, servers, writer);
      await makeJob(bench, writer, n);
      const answered = performance.now();
      const waits = await Promise.all(pages.map((page) => oldFor(bench, page, answered)));
      const again = await Promise.all(pages.map((page) => ask(bench, page)));
      if (n >= 0) {
        for (const [at, page] of pages.entries()) old_ms[page.own ? "own" : "other"].push(waits[at] ?? 0);
        polls += again.length;
        unchanged += again.filter(({ status }) => status === 304).length;
      }
      await Bun.sleep(Math.max(0, 1_000 / writes_per_second - (performance.now() - began)));
    }
    return judge(old_ms, { polls, unchanged });
  } finally {
    await started.disposeAsync();
  }
}

function judge(
  { own, other }: Readonly<{ own: readonly number[]; other: readonly number[] }>,
  { polls, unchanged }: Readonly<{ polls: number; unchanged: number }>,
): boolean {
  const sorted = [...other].sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  const share = other.filter((wait) => wait <= fresh_within_ms).length / other.length;
  const stale = own.filter((wait) => wait > 0).length;
  print(`on the replica that wrote: ${stale} of ${own.length} pages were old after the write was answered`);
  print(`on the others: old until p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(1)} ms after it`);
  print(
    `fresh there within ${fresh_within_ms} ms: ${(share * 100).toFixed(2)} % (floor ${share_floor * 100} %)`,
  );
  print(`the next poll: ${unchanged} of ${polls} were 304`);
  return stale === 0 && share >= share_floor && unchanged === polls;
}

/** Everybody has both pages open. */
function look(bench: Bench, servers: readonly ServerProcess[], writer: ServerProcess): Promise<Page[]> {
  const pages = servers.flatMap((server) =>
    paths.map((path) => ({ server, path, etag: "", own: server === writer })),
  );
  return Promise.all(
    pages.map(async (page) => {
      await ask(bench, page);
      return page;
    }),
  );
}

/** Asks for a page as a browser that has it does, and keeps what it was told. */
async function ask({ token }: Bench, page: Page): Promise<{ status: number }> {
  const headers = { authorization: `Bearer ${token}`, "if-none-match": page.etag };
  const { server, path } = page;
  const response = await fetch(`${server.url}${path}`, { headers });
  await response.arrayBuffer();
  if (response.status !== 200 && response.status !== 304)
    throw new Error(`${path} answered ${response.status}`);
  page.etag = response.headers.get("etag") ?? "";
  return { status: response.status };
}

/** @returns when the last poll left that still got the old page, milliseconds after the write was answered; 0 for none */
async function oldFor(bench: Bench, page: Page, answered: number): Promise<number> {
  for (let old_ms = 0; ;) {
    const asked_ms = performance.now() - answered;
    if ((await ask(bench, page)).status === 200) return old_ms;
    if (asked_ms > give_up_ms) throw new Error(`${page.path} stays old`);
    old_ms = asked_ms;
    await Bun.sleep(ask_every_ms);
  }
}

async function makeJob({ token }: Bench, server: ServerProcess, n: number): Promise<void> {
  const response = await fetch(`${server.url}/api/v1/jobs`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
    },
    body: JSON.stringify({ title: `Job ${n}` }),
  });
  if (response.status !== 201) throw new Error(`a job answered ${response.status}: ${await response.text()}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
