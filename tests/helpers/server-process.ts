import { startProgram, waitForAnswer } from "./program.ts";
import { freePort } from "./services.ts";

/** A server in a process of its own: whoever asks it shares neither its event loop nor its memory. */
export type ServerProcess = Readonly<{
  url: string;
  port: number;
  /** What its own metrics say: processor time so far, milliseconds, and resident memory, bytes. */
  usage(): Promise<{ cpu_ms: number; resident_bytes: number }>;
  stop(): Promise<void>;
}>;

/** Starts `serve` on a free port with this environment, without rate limits unless it says so; waits until it is ready. */
export function startServerProcess(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const defaults = { ADMIN_PORT: "0", RATE_LIMIT_ENABLED: "false", LOG_LEVEL: "warn" };
  return startListener(["src/main.ts", "serve"], { ...defaults, ...env });
}

/** Starts any program that listens on `PORT` and answers `/readyz` and `/metrics`. */
export async function startListener(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  // As `bun start` and the image have it.
  env = { MIMALLOC_PURGE_DELAY: "-1", BUN_CONFIG_MAX_HTTP_REQUESTS: "2048", ...env };
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const program = startProgram([process.execPath, ...words], {
    HOST: "127.0.0.1",
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
