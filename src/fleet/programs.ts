import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:net";
import { freePort } from "../platform/free-port.ts";
import type { Log } from "../platform/log.ts";
import { type Child, type Output, startChild, stopChild } from "./child.ts";
import { Kept } from "./kept.ts";

/** The fleet cannot run here; the message is for the person at the terminal. */
export class FleetError extends Error {
  override readonly name = "FleetError";
}

/** Programs that are not ours, and the packages that have them. */
const packages = {
  nginx: { apt: "nginx", brew: "nginx" },
  "redis-server": { apt: "redis-server", brew: "redis" },
} as const;
/** nginx lies in /usr/sbin, which is not in a normal user's PATH. */
const SYSTEM_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin";

/** Where a program is. @throws {FleetError} naming the command that installs it */
export function findProgram(name: keyof typeof packages): string {
  const found = Bun.which(name) ?? Bun.which(name, { PATH: SYSTEM_FOLDERS });
  if (found !== null) return found;
  const { apt, brew } = packages[name];
  const command = process.platform === "darwin" ? `brew install ${brew}` : `sudo apt-get install ${apt}`;
  throw new FleetError(`${name} is missing. Run: ${command}`);
}

type ProgramOptions = Readonly<{ log: Log; output: Output }>;

const START_MAX_MS = 10_000;
const POLL_MS = 20;
const STOP_MAX_MS = 10_000;
/** nginx lets go of its workers when their requests are answered; the slowest may take 30 s. */
const NGINX_STOP_MAX_MS = 32_000;

/**
 * nginx in the foreground, by the words of `writeNginx`; SIGQUIT lets it finish what it has begun. It would try again
 * and again to listen where another process does, and look as if it served: so that is asked first.
 */
export function keepNginx(
  options: ProgramOptions & { words: readonly string[]; address: { host: string; port: number } },
): Kept {
  const { output, log, address } = options;
  const command = [findProgram("nginx"), ...options.words];
  const serves = () => listens(address);
  return new Kept({
    name: "nginx",
    log,
    async start() {
      if (await serves())
        throw new FleetError(
          `${address.host}:${address.port} is taken by another process. Set PORT to another one.`,
        );
      return startUntil("nginx", { command, output, serves });
    },
    stop_signal: "SIGQUIT",
    grace_ms: NGINX_STOP_MAX_MS,
  });
}

/**
 * A Redis of the fleet's own on a free port of the loopback: nothing of it is on disk, since all that is in it may be
 * lost. The password keeps other users of the machine out.
 *
 * @throws {FleetError}
 */
export async function keepRedis(
  options: ProgramOptions & { folder: string; password: string },
): Promise<{ url: string; kept: Kept }> {
  const { folder, password, output, log } = options;
  const port = await freePort();
  const configuration = join(folder, "redis.conf");
  mkdirSync(folder, { recursive: true });
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `requirepass ${password}`,
    'save ""',
    "appendonly no",
    "maxmemory 256mb",
    "maxmemory-policy volatile-lru",
    "loglevel warning",
    `dir ${JSON.stringify(folder)}`,
  ];
  writeFileSync(configuration, `${lines.join("\n")}\n`, { mode: 0o600 });
  const command = [findProgram("redis-server"), configuration];
  const serves = () => listens({ port });
  const kept = new Kept({
    name: "redis",
    log,
    start: () => startUntil("redis", { command, output, serves }),
    grace_ms: STOP_MAX_MS,
  });
  return { url: `redis://:${password}@127.0.0.1:${port}`, kept };
}

async function startUntil(
  name: string,
  options: { command: readonly string[]; output: Output; serves: () => Promise<boolean> },
): Promise<Child> {
  const said: string[] = [];
  const output: Output = (from, line) => {
    said.push(line);
    options.output(from, line);
  };
  const child = startChild({ name, command: options.command, output });
  let ended: string | null = null;
  void child.ended.then((how) => (ended = how));
  const deadline = performance.now() + START_MAX_MS;
  while (ended === null && performance.now() < deadline) {
    if ((await options.serves()) && ended === null) return child;
    await Bun.sleep(POLL_MS);
  }
  await stopChild(child, { grace_ms: 0 });
  const how = ended === null ? `does not listen after ${START_MAX_MS} ms` : `ended: ${String(ended)}`;
  throw new FleetError(`${name} ${how}\n${said.slice(-5).join("\n")}`);
}

/** Whether somebody accepts connections there. */
export function listens(address: { port: number; host?: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.host ?? "127.0.0.1", port: address.port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
