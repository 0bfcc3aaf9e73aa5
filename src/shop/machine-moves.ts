import type { Move } from "../core/moves.ts";
import { permissions } from "../http/policy.ts";
import type { MachineStatus } from "../platform/enums.ts";

const byStaff = { action: "update", roles: permissions["machines.write"] } as const;

/** Legal changes of a machine's status: it is taken out of use, and brought back, by way of maintenance. */
export const machineMoves = [
  { from: "active", to: "maintenance", ...byStaff },
  { from: "maintenance", to: "active", ...byStaff },
  { from: "maintenance", to: "inactive", ...byStaff },
  { from: "inactive", to: "maintenance", ...byStaff },
] as const satisfies readonly Move<MachineStatus>[];
