import type { PlatformDeps } from "../platform/deps.ts";
import { openSession } from "../platform/db/session.ts";
import { createIntegrityCheck } from "./integrity.ts";
import { rebuildCounters, verifyCounters } from "./statements.ts";
import type { Check } from "./verify.ts";

/**
 * Counts the rows of one business again, another one each time, and says in the log what is not as it is kept. It repairs
 * nothing: a difference is a bug, which a repair would hide; `verify --rebuild` is for people. A business too large for
 * the limit of the `report` lane is proven by `verify`, which has none.
 *
 * @returns a run for the background jobs
 */
export function createCounterCheck(
  deps: Pick<PlatformDeps, "db" | "log" | "metrics">,
): () => Promise<boolean> {
  return createIntegrityCheck(deps, "counters", async (business_id) => {
    const [row] = await deps.db.report.query(verifyCounters, { business_id });
    return row !== undefined && row.wrong > 0 ? `${row.wrong} differ; ${row.first}` : null;
  });
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
