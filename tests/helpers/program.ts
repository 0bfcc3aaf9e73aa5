import { join } from "node:path";

const root = join(import.meta.dir, "../..");

/** A run of the program from the outside: as people, containers and service managers see it. */
export type Program = Readonly<{
  pid: number;
  exited: Promise<number>;
  /** Everything written so far. */
  output(): string;
  /** Signals the process alone. */
  signal(name: NodeJS.Signals): void;
  /** Signals the whole process group, as Ctrl-C in a terminal does. */
  signalGroup(name: NodeJS.Signals): void;
}>;

/**
 * Starts `command` in a session of its own with nothing in its environment but `env`.
 */
export function startProgram(command: readonly string[], env: Readonly<Record<string, string>>): Program {
  const { PATH = "", HOME = "/" } = process.env;
  const child = Bun.spawn([...command], {
    cwd: root,
    detached: true,
    env: { PATH, HOME, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let text = "";
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  const finished = Promise.all([collect(child.stdout), collect(child.stderr)]);
  return {
    pid: child.pid,
    exited: child.exited.then(async (code) => {
      // A killed program may leave children that hold the pipes open.
      await Promise.race([finished, Bun.sleep(500)]);
      return code;
    }),
    output: () => text,
    signal: (name) => child.kill(name),
    signalGroup: (name) => void process.kill(-child.pid, name),
  };
}

/** Waits until `url` answers with a 200. @throws {Error} with what the program wrote, when it ends or the time is over */
export async function waitForAnswer(program: Program, url: string, timeout_ms = 30_000): Promise<Response> {
  const deadline = performance.now() + timeout_ms;
  let ended = false;
  void program.exited.then(() => (ended = true));
  while (!ended && performance.now() < deadline) {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    if (response?.ok === true) return response;
    await Bun.sleep(20);
  }
  throw new Error(`${url} did not answer:\n${program.output()}`);
}
