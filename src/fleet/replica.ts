import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../platform/log.ts";
import { type Child, type Output, startChild, stopChild } from "./child.ts";
import { Kept } from "./kept.ts";

export type ReplicaOptions = Readonly<{
  /** `api-1`: in response headers, log lines and metrics. */
  name: string;
  /** Where the sockets lie. */
  folder: string;
  /** Starts a server from its words. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  log: Log;
  log_format: "json" | "pretty";
  output: Output;
}>;

/** A server of ours needs under a second; on a machine that is busy with starting many, more. */
const START_MAX_MS = 60_000;
const POLL_MS = 25;
/** `serve` finishes what it has begun within 25 s. */
const STOP_MAX_MS = 28_000;
/** How often each is asked whether it is alive, and for how long it may be silent: then it is frozen, and killed. */
const WATCH_INTERVAL_MS = 500;
const SILENCE_MAX_MS = 2_500;

/**
 * One server behind nginx. Its process listens on a socket of its own and is renamed into the one that nginx knows when
 * it serves: rename replaces a file in one step, so nginx finds the former process or the new one and never none, and
 * needs no reload. The former serves the connections that it has until they are used up (`serve.ts`).
 */
export class Replica {
  readonly name: string;
  /** What nginx connects to. */
  readonly socket: string;
  /** Where its metrics are. */
  readonly admin_socket: string;
  readonly #options: ReplicaOptions;
  readonly #kept: Kept;
  #generation = 0;
  #watch: ReturnType<typeof setInterval> | null = null;
  #asking = false;

  constructor(options: ReplicaOptions) {
    this.name = options.name;
    this.socket = join(options.folder, `${options.name}.sock`);
    this.admin_socket = join(options.folder, `${options.name}.admin.sock`);
    this.#options = options;
    this.#kept = new Kept({
      name: options.name,
      log: options.log,
      start: () => this.#start("/livez"),
      grace_ms: STOP_MAX_MS,
    });
  }

  get pid(): number | null {
    return this.#kept.child?.pid ?? null;
  }
  get restarts(): number {
    return this.#kept.restarts;
  }

  /** @throws when the server does not start */
  async begin(): Promise<void> {
    mkdirSync(this.#options.folder, { recursive: true });
    await this.#kept.begin();
    this.#watch = setInterval(() => void this.#look(), WATCH_INTERVAL_MS);
  }

  /** A new process in place of this one, without a refused request. @throws when it is not ready in time; all stays as it is */
  async replace(): Promise<void> {
    await this.#kept.replace(() => this.#start("/readyz"));
  }

  async stop(): Promise<void> {
    if (this.#watch !== null) clearInterval(this.#watch);
    await this.#kept.stop();
    for (const path of [this.socket, this.admin_socket]) rmSync(path, { force: true });
  }

  async #start(until: "/livez" | "/readyz"): Promise<Child> {
    const { name, folder, command, env, output, log_format } = this.#options;
    this.#generation += 1;
    const own = (kind: string): string => join(folder, `${name}.${this.#generation}.${kind}`);
    const [socket, admin_socket] = [own("sock"), own("admin.sock")];
    const child = startChild({
      name,
      command,
      env: { ...env, REPLICA: name, UNIX_SOCKET: socket, ADMIN_UNIX_SOCKET: admin_socket },
      output,
      speaks_json: log_format === "json",
    });
    try {
      await answers(child, { socket, path: until });
    } catch (error) {
      await stopChild(child, { grace_ms: 0 });
      throw error;
    }
    renameSync(admin_socket, this.admin_socket);
    renameSync(socket, this.socket);
    return child;
  }

  /** A process that is alive and says nothing would keep its share of the requests waiting; nginx does not look. */
  async #look(): Promise<void> {
    const child = this.#kept.child;
    if (child === null || this.#asking) return;
    this.#asking = true;
    const answered = await ask(this.socket, "/livez", SILENCE_MAX_MS);
    this.#asking = false;
    if (answered !== "silent" || this.#kept.child !== child) return;
    this.#options.log.error({ program: this.name, pid: child.pid, silent_ms: SILENCE_MAX_MS }, "frozen");
    child.signal("SIGKILL");
  }
}

/** Waits until the process answers 200. @throws when it ends, or takes too long */
async function answers(child: Child, { socket, path }: { socket: string; path: string }): Promise<void> {
  const deadline = performance.now() + START_MAX_MS;
  let ended: string | null = null;
  void child.ended.then((how) => (ended = how));
  while ((await ask(socket, path, 1_000)) !== "well") {
    if (ended !== null) throw new Error(`it ended: ${String(ended)}`);
    if (performance.now() > deadline) throw new Error(`${path} did not answer 200 in ${START_MAX_MS} ms`);
    await Bun.sleep(POLL_MS);
  }
}

/** `silent`: connected, and no answer in time. `away`: nobody listens, or the connection broke. */
async function ask(
  socket: string,
  path: string,
  timeout_ms: number,
): Promise<"well" | "unwell" | "away" | "silent"> {
  const options = { unix: socket, keepalive: false, signal: AbortSignal.timeout(timeout_ms) };
  return fetch(`http://localhost${path}`, options).then(
    (response) => (response.ok ? "well" : "unwell"),
    (error: unknown) => (error instanceof DOMException && error.name === "TimeoutError" ? "silent" : "away"),
  );
}
