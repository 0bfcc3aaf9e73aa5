import type { Log } from "../platform/log.ts";

/** A program of the fleet, running. */
export type Child = Readonly<{
  pid: number;
  /** How it ended, for people: `exit 69`, `SIGKILL`. Never rejects. */
  ended: Promise<string>;
  signal(name: NodeJS.Signals): void;
}>;

/** Where the lines of all programs go, each with the name of who wrote it. */
export type Output = (name: string, line: string) => void;

export type ChildOptions = Readonly<{
  name: string;
  command: readonly string[];
  env?: Readonly<Record<string, string | undefined>>;
  output: Output;
  /** Its standard output says who wrote each line, and needs nobody in between. */
  speaks_json?: boolean;
}>;

/**
 * Ends the whole group when its standard input does, which the kernel sees to when the supervisor is gone, however that
 * came about. The program takes the shell's place, and with it its process id.
 */
const WATCHED = 'exec 3<&0; (read -r _ <&3; kill -KILL 0) & exec 3<&-; exec "$@" </dev/null';

/**
 * Starts a program in a session and process group of its own: Ctrl-C reaches the supervisor alone, which then stops all
 * in order. Nothing of the group outlives the program or the supervisor; workers of an nginx whose master was killed
 * would go on answering.
 */
export function startChild({ name, command, env, output, speaks_json = false }: ChildOptions): Child {
  const child = Bun.spawn(["sh", "-c", WATCHED, "sh", ...command], {
    detached: true,
    stdin: "pipe",
    stdout: speaks_json ? "inherit" : "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== undefined) void passOn(stream, (line) => output(name, line));
  }
  return {
    pid: child.pid,
    ended: child.exited.then((code) => {
      endGroup(child.pid);
      return String(child.signalCode ?? `exit ${code}`);
    }),
    signal: (signal) => child.kill(signal),
  };
}

/** What is left of a group; its number is nobody else's while a process of it lives. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing was left.
  }
}

async function passOn(stream: ReadableStream<Uint8Array>, write: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") write(line);
  }
  if (rest !== "") write(rest);
}

/** Asks a program to end, and ends it when it has not after `grace_ms`. Settles when it is gone. */
export async function stopChild(
  child: Child,
  options: { signal?: NodeJS.Signals; grace_ms: number },
): Promise<void> {
  child.signal(options.signal ?? "SIGTERM");
  const timer = setTimeout(() => child.signal("SIGKILL"), options.grace_ms);
  await child.ended;
  clearTimeout(timer);
}

/** One readable log: `api-1  08:15:00.000 info  ready`; JSON lines for machines. */
export function createOutput(log: Log, format: "json" | "pretty"): Output {
  if (format === "json") return (name, line) => log.warn({ program: name }, line);
  return (name, line) => void process.stdout.write(`${name.padEnd(6)} ${line}\n`);
}
