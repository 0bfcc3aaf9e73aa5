import { type Check, eachBusiness } from "../core/verify.ts";
import { verifyBudget } from "./statements.ts";

/** The roll-up of budgets is what their transactions come to, and what must hold besides: of every business. */
export const budgetCheck: Check = {
  name: "budgets",
  run: (session) =>
    eachBusiness(session, "budget transactions", async (business_id) => {
      const [row] = await session.query(verifyBudget, { business_id });
      return { count: Number(row?.transactions ?? 0), broken: row?.broken ?? null };
    }),
};
