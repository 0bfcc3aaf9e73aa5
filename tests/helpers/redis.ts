import { rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePort, makeTestFolder } from "./services.ts";

/** A real Redis of one test: can be frozen, killed and started again on the same port. */
export type TestRedis = {
  readonly url: string;
  /** Stops answering without closing anything (SIGSTOP), and goes on (SIGCONT). */
  freeze(): void;
  thaw(): void;
  /** Ends at once (SIGKILL), resolved when it is gone. */
  kill(): Promise<void>;
  /** Starts after `kill`, empty. */
  start(): Promise<void>;
  /** Runs one command over a connection of its own and returns the raw reply. */
  command(...args: string[]): Promise<string>;
  stop(): Promise<void>;
};

/** Starts `redis-server` on a free port of the loopback, without persistence; `absent`: only takes the port. */
export async function startRedis(
  options: { absent?: boolean; flags?: readonly string[] } = {},
): Promise<TestRedis> {
  // The path that the test runner found, which need not be in PATH.
  const program = process.env["REDIS_SERVER_PATH"] ?? "redis-server";
  const port = await freePort();
  const directory = makeTestFolder();
  let server: Subprocess | null = null;
  const redis: TestRedis = {
    url: `redis://127.0.0.1:${port}`,
    freeze: () => server?.kill("SIGSTOP"),
    thaw: () => server?.kill("SIGCONT"),
    async kill() {
      server?.kill("SIGKILL");
      await server?.exited;
      server = null;
    },
    async start() {
      const flags = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
      // The pid file lets a later run end the server of a run that was killed.
      flags.push(...(options.flags ?? []), "--dir", directory, "--pidfile", join(directory, "redis.pid"));
      const log = Bun.file(join(directory, "redis.log"));
      server = Bun.spawn([program, ...flags], { stdin: "ignore", stdout: log, stderr: log });
      const deadline = Date.now() + 5000;
      while (!(await send(port, ["PING"]).catch(() => "")).includes("PONG")) {
        if (Date.now() > deadline || server.exitCode !== null) {
          throw new Error(`redis-server does not start:\n${await log.text()}`);
        }
        await Bun.sleep(10);
      }
    },
    command: (...args) => send(port, args),
    async stop() {
      await redis.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  if (options.absent !== true) await redis.start();
  return redis;
}

/** Sends one command in RESP2 and resolves with everything that came until the server said goodbye. */
function send(port: number, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = "";
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(2000, () => socket.destroy(new Error("redis did not answer")));
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => (reply += chunk.toString()));
    socket.on("close", () => resolve(reply));
    socket.write(encode(args) + encode(["QUIT"]));
  });
}

function encode(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join("")}`;
}
