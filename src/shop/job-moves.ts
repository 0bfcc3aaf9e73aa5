import type { Move } from "../core/moves.ts";
import { permissions } from "../http/policy.ts";
import type { JobStatus } from "../platform/enums.ts";

const byCounter = { roles: permissions["jobs.write"] } as const;
const byStaff = { roles: permissions["jobs.manage"] } as const;

/**
 * What people may do to the state of a job. Of itself an active job is in progress when its first step starts, and completed
 * when its last step is; `resume` goes back to where it was before `hold`.
 */
export const jobMoves = [
  { action: "activate", from: "draft", to: "active", ...byCounter },
  { action: "hold", from: "active", to: "on_hold", ...byStaff },
  { action: "hold", from: "in_progress", to: "on_hold", ...byStaff },
  { action: "resume", from: "on_hold", to: "active", ...byCounter },
  { action: "resume", from: "on_hold", to: "in_progress", ...byCounter },
  { action: "cancel", from: "active", to: "cancelled", ...byStaff },
  { action: "cancel", from: "in_progress", to: "cancelled", ...byStaff },
  { action: "cancel", from: "on_hold", to: "cancelled", ...byStaff },
  { action: "reopen", from: "completed", to: "in_progress", ...byStaff },
] as const satisfies readonly Move<JobStatus>[];

export type JobAction = (typeof jobMoves)[number]["action"];
