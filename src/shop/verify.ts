import { type Check, eachBusiness } from "../core/verify.ts";
import { verifyShop } from "./statements.ts";

/** Jobs, steps, dependencies and time say the same: of every business. */
export const shopCheck: Check = {
  name: "shop",
  run: (session) =>
    eachBusiness(session, "jobs", async (business_id) => {
      const [row] = await session.query(verifyShop, { business_id });
      return { count: Number(row?.jobs ?? 0), broken: row?.broken ?? null };
    }),
};
