import { permissions } from "../http/policy.ts";
import type { PaymentMethod, PaymentRequestStatus } from "../platform/enums.ts";
import type { Move } from "../core/moves.ts";

/**
 * A legal move of a payment request. Its maker is who asked for it; where they may not make a move, the customer who is paid
 * may not either, whatever their role. `settled`: only where the money has arrived (true) or has not yet (false): cash and
 * wallets are paid at once, a bank when it has given a reference. `methods`: only of these; absent: of all.
 */
export type PaymentRequestMove = Move<PaymentRequestStatus> &
  Readonly<{ settled?: boolean; methods?: readonly PaymentMethod[] }>;

const byMaker = { roles: permissions["payment_requests.write"], maker: "only" } as const;
const byOthers = { roles: permissions["payment_requests.decide"], maker: "never" } as const;

/** Every legal move: what the statement decides by, the documentation says and the tests are made from. */
export const paymentRequestMoves = [
  { action: "approve", from: "pending", to: "approved", ...byOthers },
  { action: "approve", from: "failed", to: "approved", ...byOthers },
  { action: "reject", from: "pending", to: "rejected", ...byOthers },
  { action: "reject", from: "failed", to: "rejected", ...byOthers },
  { action: "cancel", from: "pending", to: "cancelled", ...byMaker },
  { action: "pay", from: "approved", to: "paying", ...byOthers, settled: false },
  { action: "pay", from: "approved", to: "paid", ...byOthers, settled: true },
  { action: "pay", from: "paying", to: "paid", ...byOthers, settled: true },
  { action: "fail", from: "paying", to: "failed", ...byOthers },
  // A wallet is never on its way, and one that was closed meanwhile takes nothing any more.
  { action: "fail", from: "approved", to: "failed", ...byOthers, methods: ["wallet"] },
] as const satisfies readonly PaymentRequestMove[];

export type PaymentRequestAction = (typeof paymentRequestMoves)[number]["action"];
