import type { PlatformDeps } from "../platform/deps.ts";
import { openSession } from "../platform/db/session.ts";
import { findNextBusiness, rebuildCounters, verifyCounters } from "./statements.ts";
import type { Check } from "./verify.ts";

/**
 * Counts the rows of one business again, another one each time, and says in the log what is not as it is kept. It repairs
 * nothing: a difference is a bug, which a repair would hide; `verify --rebuild` is for people. A business too large for
 * the limit of the `report` lane is proven by `verify`, which has none.
 *
 * @returns a run for the background jobs
 */
export function createCounterCheck({ db, log }: Pick<PlatformDeps, "db" | "log">): () => Promise<boolean> {
  let after: string | null = null;
  return async () => {
    const [next] = await db.report.query(findNextBusiness, { after });
    after = next?.business_id ?? null;
    if (after === null) return false;
    const [row] = await db.report.query(verifyCounters, { business_id: after });
    if (row !== undefined && row.wrong > 0) log.error({ ...row, business_id: after }, "counters drift");
    return false;
  };
}

/** Counters are what their rows come to. */
export const counterCheck: Check = {
  name: "counters",
  run: async (session) => {
    const [row] = await session.query(verifyCounters, { business_id: null });
    if (row === undefined) throw new Error("the recount has no result");
    if (row.wrong === 0) return { ok: true, summary: "every counter is what its rows come to" };
    return { ok: false, summary: `${row.wrong} differ; ${row.first}; verify --rebuild corrects them` };
  },
};

/**
 * Corrects what the recount finds, while writers go on.
 *
 * @returns how many counters were wrong
 * @throws {DatabaseUnavailable} without a database
 */
export async function correctCounters(url: string): Promise<number> {
  const session = await openSession(url, { application_name: "countinghouse/verify" });
  try {
    const [row] = await session.query(rebuildCounters, { business_id: null });
    return row?.rebuilt ?? 0;
  } finally {
    await session.close();
  }
}
