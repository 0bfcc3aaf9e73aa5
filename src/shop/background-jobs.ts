import type { BackgroundJob } from "../core/background-jobs.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { rebuildChangedMonths } from "./months.ts";
import { endLongLog, tellOverdueJobs as tellOverdueStatement } from "./statements.ts";

const second_ms = 1_000;
const minute_ms = 60 * second_ms;
/** One transaction each: a log locks its job, and holds it for nobody else. */
const logsAtOnce = 100;
/** Of one business, in one transaction. */
const overdueAtOnce = 100;

/** The background jobs of the shop. */
export function shopJobs(deps: Pick<PlatformDeps, "db">): BackgroundJob[] {
  return [
    { name: "end long time logs", every_ms: minute_ms, run: () => endLongLogs(deps) },
    { name: "count months again", every_ms: 5 * second_ms, run: () => rebuildChangedMonths(deps) },
    { name: "tell of overdue jobs", every_ms: minute_ms, run: () => tellOverdueJobs(deps) },
  ];
}

/**
 * Ends time logs that have been open for 24 hours, as of then: somebody went home without stopping. @returns whether more
 * may wait
 */
export async function endLongLogs({ db }: Pick<PlatformDeps, "db">): Promise<boolean> {
  for (let done = 0; done < logsAtOnce; done += 1) {
    const [ended] = await db.write.query(endLongLog, { limit_rows: logsAtOnce });
    if (ended === undefined) return false;
  }
  return true;
}

/** Tells staff and creators of jobs that became late, each once. @returns whether more may wait */
export async function tellOverdueJobs({ db }: Pick<PlatformDeps, "db">): Promise<boolean> {
  const [row] = await db.write.query(tellOverdueStatement, { limit_rows: overdueAtOnce });
  return row !== undefined && row.told !== null;
}
