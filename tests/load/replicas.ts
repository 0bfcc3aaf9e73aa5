import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeNginx } from "../../src/fleet/nginx.ts";
import { type Program, startProgram, waitForAnswer } from "../helpers/program.ts";
import { requirePrograms } from "../helpers/required-programs.ts";
import { freePort } from "../helpers/services.ts";
import { type Bench, median, requireOnly200, startBench } from "./bench.ts";
import { getRequest, saturate } from "./closed-loop.ts";

const path = "/api/v1/dashboard/stats";
const clients = 32;
const rounds = 6;
/**
 * Each replica is asked for this part of what one can give, however many there are: four carry four times the load. What a
 * replica costs at rest, and what it saves by reading many requests at once when it is busy, is then in both figures.
 */
const share = 0.15;
/** Goal P13. */
const replicas_ceiling = 1.15;
const nginx_ceiling = 1.5;
/** Sockets are the default because they are not slower than TCP; two runs of one thing differ by this much here. */
const sockets_floor = 0.97;

type Transport = "unix" | "tcp";
type Front = Readonly<{ name: string; port: number; nginx: Program; replicas: readonly Program[] }>;
type Figures = Readonly<{ per_second: number; replica_us: number; nginx_us: number }>;

/**
 * What replicas behind nginx cost: a cached GET through nginx with one replica, with four, and with four over TCP, in
 * interleaved rounds: at a part of what each replica gives, for processor time a request of the replicas and of nginx, and as fast as they can, for unix sockets beside TCP.
 *
 * @returns whether the ceilings hold
 */
export async function measureReplicas({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    await requirePrograms(["nginx"]);
    const bench = await startBench(started);
    const fronts: Front[] = [];
    for (const [count, transport] of [
      [1, "unix"],
      [4, "unix"],
      [4, "tcp"],
    ] as const) {
      const front = await startFront(bench, count, transport);
      started.defer(() => stopFront(front));
      fronts.push(front);
    }
    const [one] = fronts;
    if (one === undefined) throw new Error("no replica");
    const per_second = (await run(one, bench.token, { seconds: 4 })).per_second * share;
    const figures = new Map<string, Figures[]>(fronts.map(({ name }) => [name, []]));
    // Servers take a while to be compiled where they are hot.
    for (const front of fronts) await run(front, bench.token, { seconds: 4 });
    for (let round = 1; round <= rounds; round += 1) {
      for (const front of fronts) {
        const rate = per_second * front.replicas.length;
        figures.get(front.name)?.push(await run(front, bench.token, { seconds, per_second: rate }));
      }
    }
    const rates: number[] = [];
    const [, unix = one, tcp = one] = fronts;
    for (let round = 1; round <= rounds; round += 1) {
      const sockets = await run(unix, bench.token, { seconds });
      rates.push(sockets.per_second / (await run(tcp, bench.token, { seconds })).per_second);
    }
    return judge(figures, median(rates));
  } finally {
    await started.disposeAsync();
  }
}

function judge(figures: ReadonlyMap<string, readonly Figures[]>, sockets: number): boolean {
  const of = (name: string, pick: (figure: Figures) => number): number =>
    median((figures.get(name) ?? []).map(pick));
  for (const [name] of figures) {
    const [rate, replica, nginx] = [
      of(name, ({ per_second }) => per_second),
      of(name, ({ replica_us }) => replica_us),
      of(name, ({ nginx_us }) => nginx_us),
    ];
    print(
      `${name}: ${rate.toFixed(0)}/s; CPU a request: replicas ${replica.toFixed(1)} µs, nginx ${nginx.toFixed(1)} µs`,
    );
  }
  const [one = [], four = []] = [...figures.values()];
  const ratios = (above: readonly Figures[], below: readonly Figures[], pick: (figure: Figures) => number) =>
    median(above.map((figure, at) => pick(figure) / pick(below[at] ?? figure)));
  const replicas = ratios(four, one, ({ replica_us }) => replica_us);
  const nginx = median(four.map(({ nginx_us, replica_us }) => nginx_us / replica_us));
  print(
    `CPU a request of a replica, with 4 replicas vs with 1: ${replicas.toFixed(3)} (ceiling ${replicas_ceiling})`,
  );
  print(`CPU a request of nginx vs of the replica: ${nginx.toFixed(3)} (ceiling ${nginx_ceiling})`);
  print(`requests/s over unix sockets vs over TCP: ${sockets.toFixed(3)} (floor ${sockets_floor})`);
  return replicas <= replicas_ceiling && nginx <= nginx_ceiling && sockets >= sockets_floor;
}

async function startFront({ env, folder }: Bench, count: number, transport: Transport): Promise<Front> {
  const name = `${count} ${count === 1 ? "replica" : "replicas"} over ${transport}`;
  const replicas: Program[] = [];
  const upstreams: string[] = [];
  for (let at = 1; at <= count; at += 1) {
    const socket = join(folder, `${transport}-${count}-${at}.sock`);
    const port = await freePort();
    const place = transport === "unix" ? { UNIX_SOCKET: socket } : { HOST: "127.0.0.1", PORT: String(port) };
    upstreams.push(transport === "unix" ? `unix:${socket}` : `127.0.0.1:${port}`);
    const own = { ADMIN_PORT: "0", MIMALLOC_PURGE_DELAY: "-1", TRUSTED_PROXIES: "127.0.0.1" };
    const all = {
      ...env,
      ...own,
      ...place,
      REPLICA: `api-${at}`,
      REPLICAS: String(count),
      LOG_LEVEL: "warn",
    };
    replicas.push(startProgram([process.execPath, "src/main.ts", "serve"], all));
  }
  const port = await freePort();
  const written = writeNginx({
    folder: join(folder, `nginx-${transport}-${count}`),
    listen: [`127.0.0.1:${port}`],
    upstreams,
    api_rate_per_s: 0,
    login_rate_per_min: 0,
    access_log: null,
  });
  const nginx = startProgram([process.env["NGINX_PATH"] ?? "nginx", ...written.arguments], {});
  const front = { name, port, nginx, replicas };
  // nginx finds one that answers; the others are there a moment later.
  await waitForAnswer(nginx, `http://127.0.0.1:${port}/readyz`);
  await Bun.sleep(1_000);
  return front;
}

async function stopFront({ nginx, replicas }: Front): Promise<void> {
  for (const program of [nginx, ...replicas]) program.signal("SIGTERM");
  await Promise.all([nginx, ...replicas].map(({ exited }) => exited));
}

async function run(
  { port, nginx, replicas }: Front,
  token: string,
  { seconds, per_second }: { seconds: number; per_second?: number },
): Promise<Figures> {
  const used = () => ({
    replicas: replicas.reduce((sum, { pid }) => sum + cpu_us(pid), 0),
    nginx: childrenOf(nginx.pid).reduce((sum, pid) => sum + cpu_us(pid), 0),
  });
  const before = used();
  const result = await saturate({
    hostname: "127.0.0.1",
    port,
    requests: [getRequest(path, token)],
    connections: clients,
    warmup_ms: 0,
    duration_ms: seconds * 1_000,
    ...(per_second === undefined ? {} : { per_second }),
  });
  const after = used();
  requireOnly200(result);
  return {
    per_second: result.per_second,
    replica_us: (after.replicas - before.replicas) / result.requests,
    nginx_us: (after.nginx - before.nginx) / result.requests,
  };
}

/** Linux counts in hundredths of a second, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICK_US = 10_000;

/** Processor time of a process so far, microseconds: fields 14 and 15, after the name, which may have blanks. */
function cpu_us(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, "utf8");
        return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]) === pid;
      } catch {
        return false;
      }
    })
    .map(Number);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
