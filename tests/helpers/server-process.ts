import { startProgram, waitForAnswer } from "./program.ts";
import { freePort } from "./services.ts";

/** The server in a process of its own: whoever asks it shares neither its event loop nor its memory. */
export type ServerProcess = Readonly<{
  url: string;
  port: number;
  /** What its own metrics say: processor time so far, milliseconds, and resident memory, bytes. */
  usage(): Promise<{ cpu_ms: number; resident_bytes: number }>;
  stop(): Promise<void>;
}>;

/** Starts `serve` on a free port with this environment, without rate limits, and waits until it is ready. */
export async function startServerProcess(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const defaults = { HOST: "127.0.0.1", ADMIN_PORT: "0", RATE_LIMIT_ENABLED: "false", LOG_LEVEL: "warn" };
  const program = startProgram([process.execPath, "src/main.ts", "serve"], {
    ...defaults,
    ...env,
    PORT: String(port),
  });
  await waitForAnswer(program, `${url}/readyz`);
  return {
    url,
    port,
    async usage() {
      const text = await (await fetch(`${url}/metrics`)).text();
      const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
      return {
        cpu_ms: value("process_cpu_seconds_total") * 1_000,
        resident_bytes: value("process_resident_memory_bytes"),
      };
    },
    async stop() {
      program.signal("SIGTERM");
      await program.exited;
    },
  };
}
