import type { BackgroundJob } from "../core/background-jobs.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { chatJobs } from "./chat-jobs.ts";

/** The background jobs of budgets. */
export const budgetJobs = (deps: PlatformDeps): BackgroundJob[] => chatJobs(deps);
