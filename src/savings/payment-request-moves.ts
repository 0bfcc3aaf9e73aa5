import { type MemberRole, memberRoles, type PaymentRequestStatus } from "../platform/enums.ts";

const staff = ["owner", "admin", "manager"] as const;
/** Who may ask for a payment, and so take it back. */
const savers = [...staff, "agent", "sub_agent", "customer"] as const;

/**
 * A legal move of a payment request. `not_by`: whoever is this of the request may not make it, whatever their role.
 * `only_requester`: nobody else may. `settled`: only where the money has arrived (true) or has not yet (false): cash and
 * wallets are paid at once, a bank when it has given a reference.
 */
export type PaymentRequestMove = Readonly<{
  action: string;
  from: PaymentRequestStatus;
  to: PaymentRequestStatus;
  roles: readonly MemberRole[];
  not_by?: readonly ("requester" | "customer")[];
  only_requester?: true;
  settled?: boolean;
}>;

const byOthers = { roles: staff, not_by: ["requester", "customer"] } as const;

/** Every legal move: what the statement decides by, the documentation says and the tests are made from. */
export const paymentRequestMoves = [
  { action: "approve", from: "pending", to: "approved", ...byOthers },
  { action: "approve", from: "failed", to: "approved", ...byOthers },
  { action: "reject", from: "pending", to: "rejected", ...byOthers },
  { action: "reject", from: "failed", to: "rejected", ...byOthers },
  { action: "cancel", from: "pending", to: "cancelled", roles: savers, only_requester: true },
  { action: "pay", from: "approved", to: "paying", ...byOthers, settled: false },
  { action: "pay", from: "approved", to: "paid", ...byOthers, settled: true },
  { action: "pay", from: "paying", to: "paid", ...byOthers, settled: true },
  { action: "fail", from: "paying", to: "failed", ...byOthers },
] as const satisfies readonly PaymentRequestMove[];

export type PaymentRequestAction = (typeof paymentRequestMoves)[number]["action"];

/** The moves of an action, in the order of the table. */
export const movesOf = (action: PaymentRequestAction): PaymentRequestMove[] =>
  paymentRequestMoves.filter((move) => move.action === action);

/** Who may make an action on one request or another. */
export const rolesOf = (action: PaymentRequestAction): MemberRole[] =>
  memberRoles.filter((role) => movesOf(action).some(({ roles }) => roles.includes(role)));

/** The moves of an action in words, for its documentation. */
export const describeMoves = (action: PaymentRequestAction): string =>
  movesOf(action)
    .map(({ from, to, roles, not_by = [], only_requester, settled }) => {
      const who = only_requester === true ? "who asked for it" : roles.join(", ");
      const apart = not_by.length === 0 ? "" : ` who is not its ${not_by.join(" or ")}`;
      const when = settled === undefined ? "" : settled ? ", when the money has arrived" : ", until it has";
      return `\`${from}\` → \`${to}\` by ${who}${apart}${when}`;
    })
    .join("; ");
