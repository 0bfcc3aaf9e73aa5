import type { BackgroundJob } from "../core/background-jobs.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { chatJobs } from "./chat-jobs.ts";
import { purgeBudget } from "./statements.ts";

const minute_ms = 60_000;
/** Transactions of a deleted budget that go in one statement. */
const transactionsAtOnce = 2_000;

/** The background jobs of budgets. */
export const budgetJobs = (deps: PlatformDeps): BackgroundJob[] => [
  { name: "remove deleted budgets", every_ms: minute_ms, run: () => purgeDeleted(deps) },
  ...chatJobs(deps),
];

/** Removes a part of what a deleted budget left behind. @returns whether more may wait */
export async function purgeDeleted({ db }: Pick<PlatformDeps, "db">): Promise<boolean> {
  const [row] = await db.write.query(purgeBudget, { limit_rows: transactionsAtOnce });
  return (row?.purged ?? 0) > 0;
}
