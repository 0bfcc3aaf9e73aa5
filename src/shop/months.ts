import type { PlatformDeps } from "../platform/deps.ts";
import { findMonthRebuild, rebuildMonths } from "./statements.ts";

const subject = "months";
/** Each either sees a new zone, or counts the months of one business. */
const turnsAtOnce = 20;

/**
 * Counts the months of businesses again whose time zone has changed, on a connection of its own: every job of a business is
 * read, which may take longer than a lane lets anything take. What waits for somebody's transaction comes the next time.
 *
 * @returns whether more may wait
 * @throws {DatabaseUnavailable} without a database
 */
export async function rebuildChangedMonths({ db }: Pick<PlatformDeps, "db">): Promise<boolean> {
  const [found] = await db.fast.query(findMonthRebuild, { subject });
  if (found?.waits !== true) return false;
  const session = await db.session("months");
  try {
    for (let turn = 0; turn < turnsAtOnce; turn += 1) {
      const [row] = await session.query(rebuildMonths, { subject });
      if (row?.more !== true) return false;
    }
    return true;
  } finally {
    await session.close();
  }
}
