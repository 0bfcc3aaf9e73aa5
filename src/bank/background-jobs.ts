import type { BackgroundJob } from "../core/background-jobs.ts";
import { settings } from "../core/settings-catalogue.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { interestJob } from "./interest.ts";
import { expireKyc, restAccounts } from "./statements.ts";

const minute_ms = 60_000;
const customersAtOnce = 100;
/** Looked at in one statement; the balances of those that become dormant are locked meanwhile. */
const accountsAtOnce = 200;

/** The background jobs of the bank. */
export function bankJobs(deps: Pick<PlatformDeps, "db" | "cache" | "id">): BackgroundJob[] {
  const { write } = deps.db;
  let after: string | null = null;
  return [
    {
      name: "expire KYC",
      every_ms: minute_ms,
      run: async () => {
        const [row] = await write.query(expireKyc, { limit_rows: customersAtOnce });
        return row?.expired === customersAtOnce;
      },
    },
    {
      name: "make accounts dormant",
      every_ms: 360 * minute_ms,
      run: async () => {
        const dormant_days = settings["bank.dormant_days"].default;
        const [row] = await write.query(restAccounts, { after, dormant_days, limit_rows: accountsAtOnce });
        if (row === undefined || !row.is_ours) return false;
        after = row.has_more ? row.last_key : null;
        return row.has_more;
      },
    },
    interestJob(deps),
  ];
}
