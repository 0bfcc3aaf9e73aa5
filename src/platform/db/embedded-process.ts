import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

/** What `postmaster.pid` says, https://www.postgresql.org/docs/18/storage-file-layout.html */
export type Postmaster = Readonly<{ pid: number; port: number; ready: boolean }>;

/** The server that owns a data directory, alive or not; null when no readable `postmaster.pid` says so. */
export function readPostmaster(directory: string): Postmaster | null {
  try {
    const lines = readFileSync(`${directory}/postmaster.pid`, "utf8").split("\n");
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 1
      ? { pid, port: Number(lines[3]), ready: lines[7]?.trim() === "ready" }
      : null;
  } catch {
    return null;
  }
}

/** Whether the process still does something. A zombie, which nobody reaps in many containers, does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

/**
 * Whether the process is the server of this data directory. After a reboot or in a new container the number in
 * `postmaster.pid` may belong to anything, and PostgreSQL itself would then refuse to start.
 */
export function isPostmasterOf(pid: number, directory: string): boolean {
  if (!isAlive(pid)) return false;
  try {
    if (process.platform === "linux") {
      return readlinkSync(`/proc/${pid}/cwd`) === directory || commandOf(pid).includes(directory);
    }
    return execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).includes(
      directory,
    );
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8");
}

const POLL_MS = 10;

/** Waits until `condition` holds. @returns false when it did not within the time */
export async function waitUntil(condition: () => boolean, timeout_ms: number): Promise<boolean> {
  const deadline = performance.now() + timeout_ms;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await Bun.sleep(POLL_MS);
  }
  return true;
}

/**
 * Stops a PostgreSQL server: fast shutdown (SIGINT: sessions are cut, everything is written), and only if that takes
 * too long immediate shutdown (SIGQUIT: the next start recovers from the log), and at last SIGKILL.
 */
export async function stopPostmaster(pid: number, fast_shutdown_ms = 15_000): Promise<void> {
  const steps = [
    ["SIGINT", fast_shutdown_ms],
    ["SIGQUIT", 5_000],
    ["SIGKILL", 2_000],
  ] as const;
  for (const [signal, timeout_ms] of steps) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    if (await waitUntil(() => !isAlive(pid), timeout_ms)) return;
  }
}
