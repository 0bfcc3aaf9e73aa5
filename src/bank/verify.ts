import { type Check, eachBusiness } from "../core/verify.ts";
import { verifyBank } from "./statements.ts";

/** Accounts, transfers and wires say what the ledger has: of every business. */
export const bankCheck: Check = {
  name: "bank",
  run: (session) =>
    eachBusiness(session, "transfers", async (business_id) => {
      const [row] = await session.query(verifyBank, { business_id });
      return { count: Number(row?.transfers ?? 0), broken: row?.broken ?? null };
    }),
};
