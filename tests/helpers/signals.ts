import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readPostmaster } from "../../src/platform/db/embedded-process.ts";

/** Signals a process that may have ended, or been replaced, since somebody looked. @returns whether it was there */
export function signalIfAlive(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

/**
 * SIGSTOP to the PostgreSQL of a data directory, all of it: connections stay, and nothing answers.
 *
 * @returns what wakes it
 */
export function freezePostgres(data_directory: string): () => void {
  const postmaster = readPostmaster(data_directory)?.pid;
  if (postmaster === undefined) throw new Error(`no PostgreSQL runs in ${data_directory}`);
  // It first, and last to wake: while it sleeps it neither starts a process nor lets one that has ended go.
  process.kill(postmaster, "SIGSTOP");
  const children = readFileSync(join("/proc", `${postmaster}/task/${postmaster}/children`), "utf8");
  const pids = children.split(" ").filter((pid) => pid !== "");
  for (const pid of pids) signalIfAlive(Number(pid), "SIGSTOP");
  return () => {
    for (const pid of [...pids, postmaster]) signalIfAlive(Number(pid), "SIGCONT");
  };
}
