import type { Permission } from "../http/policy.ts";
import type { BankAccountStatus } from "../platform/enums.ts";

/** A move of an account from state to state. */
export type AccountMove = Readonly<{
  from: readonly BankAccountStatus[];
  to: BankAccountStatus;
  permission: Permission;
  /** Somebody has to say why. */
  needs_reason: boolean;
}>;

/**
 * What people may do to the state of an account; what is not here is refused (`illegal_transition`). By themselves accounts
 * move from pending to active when KYC level 1 is reached, from active to dormant when nothing moves them for
 * `bank.dormant_days`, and from dormant to active when something does.
 */
export const accountMoves = {
  activate: {
    from: ["pending", "dormant"],
    to: "active",
    permission: "accounts.manage",
    needs_reason: false,
  },
  freeze: { from: ["active"], to: "frozen", permission: "accounts.freeze", needs_reason: true },
  unfreeze: { from: ["frozen"], to: "active", permission: "accounts.freeze", needs_reason: true },
  close: {
    from: ["active", "frozen", "dormant"],
    to: "closed",
    permission: "accounts.manage",
    needs_reason: true,
  },
} as const satisfies Readonly<Record<string, AccountMove>>;

export type AccountMoveName = keyof typeof accountMoves;

/** Where people may move an account that is in this state. */
export function allowedFrom(status: BankAccountStatus): BankAccountStatus[] {
  const moves: readonly AccountMove[] = Object.values(accountMoves);
  return [...new Set(moves.filter(({ from }) => from.includes(status)).map(({ to }) => to))];
}
