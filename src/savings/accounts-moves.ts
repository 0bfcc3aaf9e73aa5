import { permissions } from "../http/policy.ts";
import type { SavingsAccountStatus } from "../platform/enums.ts";
import type { Move } from "../core/moves.ts";

const ends = { action: "close", from: "active", roles: permissions["savings.close"] } as const;
const renews = { action: "renew", to: "active", roles: permissions["savings.extend"] } as const;

/**
 * What people may do to the state of an account. `close` cancels one where nothing was paid, and ends another early. `renew`
 * leaves the account as it is: what is active then is its next run. By themselves accounts are completed when their last slot
 * is paid, active again when a reversal frees one, closed early by a payment request, and paid out when that is paid.
 */
export const accountMoves = [
  { ...ends, to: "cancelled" },
  { ...ends, to: "closed_early" },
  { action: "extend", from: "active", to: "active", roles: permissions["savings.extend"] },
  { ...renews, from: "completed" },
  { ...renews, from: "closed_early" },
  { ...renews, from: "paid_out" },
  { ...renews, from: "cancelled" },
] as const satisfies readonly Move<SavingsAccountStatus>[];

export type AccountAction = (typeof accountMoves)[number]["action"];
