import type { BackgroundJob } from "../core/background-jobs.ts";
import { invalidate, invalidationOf } from "../core/invalidation.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { DatabaseError } from "../platform/db/errors.ts";
import { findDueInterest, postInterest } from "./statements.ts";
import { moneyTags } from "./tags.ts";

const hour_ms = 3_600_000;
/** Accounts of one posting: their balances are locked for some ten milliseconds. */
const accountsAtOnce = 100;

/**
 * Posts the interest of each month that is over in the calendar of its business, each account's once: its reference
 * (`interest:{account}:{month}`) and its row in bank.interest_periods say so, however many replicas do this and however
 * often. What cannot be posted (a frozen account, an overdraft at its limit) is tried again each day. A business whose
 * posting fails is left out until all others are done: nobody's interest waits for another business.
 */
export function interestJob({
  db: { write },
  cache,
  id,
}: Pick<PlatformDeps, "db" | "cache" | "id">): BackgroundJob {
  const failed = new Set<string>();
  return {
    name: "post interest",
    every_ms: hour_ms,
    run: async () => {
      const [due] = await write.query(findDueInterest, {
        limit_rows: accountsAtOnce,
        except_ids: [...failed],
      });
      if (due === undefined) {
        failed.clear();
        return false;
      }
      const { business_id, period } = due;
      const account_ids = JSON.parse(due.account_ids) as string[];
      const tags = account_ids.length === 0 ? [] : moneyTags(business_id, account_ids);
      const invalidation = invalidationOf(tags);
      const parameters = {
        business_id,
        period,
        account_ids,
        transfer_ids: account_ids.map(() => id()),
        invalidation: JSON.stringify(invalidation),
      };
      const [row] = await write.query(postInterest, parameters).catch((error: unknown) => {
        if (error instanceof DatabaseError) failed.add(business_id);
        throw error;
      });
      await invalidate({ cache }, invalidation);
      // Null: another replica is at it.
      return row !== undefined && row.posted !== null;
    },
  };
}
