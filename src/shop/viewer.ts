import { allows, type Role } from "../http/policy.ts";

/**
 * Whose view of steps an answer is: staff see all, so they share one (null); everybody else sees the processes that are open to
 * their role.
 */
export const viewerOf = ({ role }: Readonly<{ role: Role }>): Role | null =>
  allows("job_steps.manage", role) ? null : role;
