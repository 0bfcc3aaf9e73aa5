import { type Check, eachBusiness } from "../core/verify.ts";
import { verifyLedger } from "./statements.ts";

/** Debits are credits, balances are what the entries say, bounds hold, holds end once: of every business. */
export const ledgerCheck: Check = {
  name: "ledger",
  run: (session) =>
    eachBusiness(session, "entries", async (business_id) => {
      const [row] = await session.query(verifyLedger, { business_id });
      return { count: Number(row?.entries ?? 0), broken: row?.broken ?? null };
    }),
};
