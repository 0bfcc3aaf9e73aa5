import { permissions } from "../http/policy.ts";
import type { ExpenseStatus } from "../platform/enums.ts";
import type { Move } from "../core/moves.ts";

const byOthers = { roles: permissions["expenses.decide"], maker: "never" } as const;

/** Every legal move: what the statement decides by, the documentation says and the tests are made from. */
export const expenseMoves = [
  {
    action: "change",
    from: "recorded",
    to: "recorded",
    roles: permissions["expenses.write"],
    maker: "only",
  },
  { action: "approve", from: "recorded", to: "approved", ...byOthers },
  { action: "reject", from: "recorded", to: "rejected", ...byOthers },
] as const satisfies readonly Move<ExpenseStatus>[];

export type ExpenseAction = (typeof expenseMoves)[number]["action"];
