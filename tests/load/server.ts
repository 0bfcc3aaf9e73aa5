import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../helpers/services.ts";

/** A server process of its own, as in production: the generator never shares its event loop. */
export type ServerProcess = Readonly<{ port: number; pid: number; cpu_ms(): number; stop(): Promise<void> }>;

/** Starts `serve` on a free port with the given environment and waits until it is ready. */
export async function startServerProcess(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const port = await freePort();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../src/main.ts"), "serve"], {
    env: {
      ...process.env,
      HOST: "127.0.0.1",
      ADMIN_PORT: "0",
      RATE_LIMIT_ENABLED: "false",
      LOG_LEVEL: "warn",
      ...env,
      PORT: String(port),
    },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) {
      return {
        port,
        pid: child.pid,
        cpu_ms: () => processorTime(child.pid),
        async stop() {
          child.kill("SIGTERM");
          await child.exited;
        },
      };
    }
    await Bun.sleep(50);
  }
  child.kill("SIGKILL");
  throw new Error("the server does not get ready");
}

/** Processor time of a process so far, user and system, milliseconds (proc_pid_stat(5): fields 14 and 15, in ticks). */
function processorTime(pid: number): number {
  const ticksPerSecond = 100;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1_000;
}
