import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";
import { ofShopImport } from "./samples-shop-import.ts";
import { ofShopJobs } from "./samples-shop-jobs.ts";
import { ofShopPlan } from "./samples-shop-plan.ts";
import { ofShopTime } from "./samples-shop-time.ts";

/** Values for what the shop writes, and reads of it. */
export const ofShopFloor = (rows: Populated): Samples["statements"] => ({
  ...ofShopImport(),
  ...ofShopJobs(rows),
  ...ofShopPlan(rows),
  ...ofShopTime(rows),
});
