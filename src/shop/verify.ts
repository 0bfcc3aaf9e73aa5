import { type Check, eachBusiness } from "../core/verify.ts";
import { openSession } from "../platform/db/session.ts";
import { rebuildOpenSteps, verifyShop } from "./statements.ts";

/** Jobs, steps, dependencies, time and queues say the same: of every business. */
export const shopCheck: Check = {
  name: "shop",
  run: (session) =>
    eachBusiness(session, "jobs", async (business_id) => {
      const [row] = await session.query(verifyShop, { business_id });
      return { count: Number(row?.jobs ?? 0), broken: row?.broken ?? null };
    }),
};

/**
 * Corrects the queues of members and machines; who writes jobs or steps waits for it.
 *
 * @returns how many steps were wrong
 * @throws {DatabaseUnavailable} without a database
 */
export async function correctOpenSteps(url: string): Promise<number> {
  const session = await openSession(url, { application_name: "countinghouse/verify" });
  try {
    const [row] = await session.query(rebuildOpenSteps, { business_id: null });
    return row?.rebuilt ?? 0;
  } finally {
    await session.close();
  }
}
