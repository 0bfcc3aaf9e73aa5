import { bankJobs } from "./bank/background-jobs.ts";
import { budgetJobs } from "./budget/background-jobs.ts";
import { type BackgroundJob, coreJobs } from "./core/background-jobs.ts";
import { ledgerJobs } from "./ledger/background-jobs.ts";
import type { PlatformDeps } from "./platform/deps.ts";
import { savingsJobs } from "./savings/background-jobs.ts";
import { shopJobs } from "./shop/background-jobs.ts";

/** Every background job of a server. */
export const allJobs = (deps: PlatformDeps): BackgroundJob[] => [
  ...coreJobs(deps),
  ...ledgerJobs(deps),
  ...(deps.config.modules.includes("bank") ? bankJobs(deps) : []),
  ...(deps.config.modules.includes("savings") ? savingsJobs(deps) : []),
  ...(deps.config.modules.includes("shop") ? shopJobs(deps) : []),
  ...(deps.config.modules.includes("budget") ? budgetJobs(deps) : []),
];
