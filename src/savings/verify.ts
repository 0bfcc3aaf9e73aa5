import { type Check, eachBusiness } from "../core/verify.ts";
import { verifySavings } from "./statements.ts";

/** Accounts, visits, agents' cash, payments and expenses say what the ledger has: of every business. */
export const savingsCheck: Check = {
  name: "savings",
  run: (session) =>
    eachBusiness(session, "markings", async (business_id) => {
      const [row] = await session.query(verifySavings, { business_id });
      return { count: Number(row?.markings ?? 0), broken: row?.broken ?? null };
    }),
};
