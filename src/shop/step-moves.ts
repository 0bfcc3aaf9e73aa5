import type { Move } from "../core/moves.ts";
import { permissions } from "../http/policy.ts";
import type { StepStatus } from "../platform/enums.ts";

const byOperators = { roles: permissions["job_steps.work"] } as const;
const byStaff = { roles: permissions["job_steps.manage"] } as const;

/**
 * What people may do to the state of a step while its job is active or in progress (`reopen`: or completed). Operators move
 * what is theirs, or nobody's. Of itself a pending step is ready when it waits for no other one; `unblock` goes back to where
 * the step was before `block`, a running one only as far as `paused` where its operator or machine is busy by then. Steps are
 * cancelled with their job.
 */
export const stepMoves = [
  { action: "start", from: "ready", to: "in_progress", ...byOperators },
  { action: "pause", from: "in_progress", to: "paused", ...byOperators },
  { action: "resume", from: "paused", to: "in_progress", ...byOperators },
  { action: "complete", from: "in_progress", to: "completed", ...byOperators },
  { action: "complete", from: "paused", to: "completed", ...byOperators },
  { action: "block", from: "ready", to: "blocked", ...byOperators },
  { action: "block", from: "in_progress", to: "blocked", ...byOperators },
  { action: "block", from: "paused", to: "blocked", ...byOperators },
  { action: "unblock", from: "blocked", to: "ready", ...byOperators },
  { action: "unblock", from: "blocked", to: "paused", ...byOperators },
  { action: "unblock", from: "blocked", to: "in_progress", ...byOperators },
  { action: "skip", from: "pending", to: "skipped", ...byStaff },
  { action: "skip", from: "ready", to: "skipped", ...byStaff },
  { action: "reopen", from: "completed", to: "ready", ...byStaff },
] as const satisfies readonly Move<StepStatus>[];

export type StepAction = (typeof stepMoves)[number]["action"];
