import type { BackgroundJob } from "../core/background-jobs.ts";
import { createIntegrityCheck } from "../core/integrity.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { checkBalances, expireHolds, keepSnapshots } from "./statements.ts";

const second_ms = 1_000;
const holdsAtOnce = 200;

/** Fewer entries than this after a snapshot are summed as fast as a newer one is found. */
const snapshotEntriesLeast = 32;
/** Entries that are summed while the locks of their accounts are held: some ten milliseconds. */
const snapshotEntriesMost = 50_000;
const snapshotAccounts = 500;

/** The background jobs of the ledger. What they remember only saves work: a replica that starts looks at everything. */
export function ledgerJobs(deps: Pick<PlatformDeps, "db" | "log" | "metrics">): BackgroundJob[] {
  const { write, report } = deps.db;
  let since: string | null = null;
  let day: string | null = null;
  let after: string | null = null;
  return [
    {
      name: "expire holds",
      every_ms: 2 * second_ms,
      run: async () => {
        const [row] = await write.query(expireHolds, { limit_rows: holdsAtOnce, since });
        since = row?.since ?? null;
        return row?.expired === holdsAtOnce;
      },
    },
    {
      name: "keep balance snapshots",
      every_ms: 600 * second_ms,
      run: async () => {
        const [row] = await write.query(keepSnapshots, {
          day,
          after,
          accounts: snapshotAccounts,
          entries_least: snapshotEntriesLeast,
          entries_most: snapshotEntriesMost,
        });
        if (row === undefined || !row.is_ours) return false;
        after = row.after;
        if (after === null) day = row.day;
        return after !== null;
      },
    },
    {
      name: "check balances",
      every_ms: 600 * second_ms,
      run: createIntegrityCheck(deps, "ledger", async (business_id) => {
        const [row] = await report.query(checkBalances, { business_id });
        return row?.broken ?? null;
      }),
    },
  ];
}
