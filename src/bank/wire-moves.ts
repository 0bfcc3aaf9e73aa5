import { type MemberRole, memberRoles, type WireStatus } from "../platform/enums.ts";

const staff = ["owner", "admin", "manager"] as const;
const compliance = ["compliance"] as const;
/** Who may make a wire, and so take it back. */
const makers = [...staff, "customer"] as const;

/**
 * A legal move of a wire. `not_by`: whoever was this of the wire may not make it, whatever their role (maker-checker).
 * `only_creator`: nobody else may.
 */
export type WireMove = Readonly<{
  action: string;
  from: WireStatus;
  to: WireStatus;
  roles: readonly MemberRole[];
  not_by?: readonly ("creator" | "approver")[];
  only_creator?: true;
}>;

const byCompliance = { roles: compliance, not_by: ["creator", "approver"] } as const;
const byCreator = { roles: makers, only_creator: true } as const;

/**
 * Every legal move: what the statement decides by, the documentation says and the tests are made from. Approving a wire
 * that is below the threshold, and whose beneficiary is like nobody who is watched for, goes on to `approved` at once.
 */
export const wireMoves = [
  {
    action: "approve",
    from: "pending_approval",
    to: "compliance_review",
    roles: staff,
    not_by: ["creator"],
  },
  { action: "approve", from: "compliance_review", to: "approved", ...byCompliance },
  { action: "hold", from: "compliance_review", to: "on_hold", ...byCompliance },
  { action: "release", from: "on_hold", to: "compliance_review", ...byCompliance },
  { action: "reject", from: "pending_approval", to: "rejected", ...byCompliance },
  { action: "reject", from: "compliance_review", to: "rejected", ...byCompliance },
  { action: "reject", from: "on_hold", to: "rejected", ...byCompliance },
  { action: "reject", from: "submitted", to: "rejected", ...byCompliance },
  { action: "submit", from: "approved", to: "submitted", roles: staff },
  { action: "complete", from: "submitted", to: "completed", roles: staff },
  { action: "return", from: "completed", to: "returned", roles: staff },
  { action: "cancel", from: "pending_approval", to: "cancelled", ...byCreator },
  { action: "cancel", from: "approved", to: "cancelled", ...byCreator },
] as const satisfies readonly WireMove[];

export type WireAction = (typeof wireMoves)[number]["action"];

/** The moves of an action, in the order of the table. */
export const movesOf = (action: WireAction): WireMove[] => wireMoves.filter((move) => move.action === action);

/** Who may make an action on one wire or another. */
export const rolesOf = (action: WireAction): MemberRole[] =>
  memberRoles.filter((role) => movesOf(action).some(({ roles }) => roles.includes(role)));

/** The moves of an action in words, for its documentation. */
export const describeMoves = (action: WireAction): string =>
  movesOf(action)
    .map(({ from, to, roles, not_by = [], only_creator }) => {
      const who = only_creator === true ? "its creator" : roles.join(", ");
      const apart = not_by.length === 0 ? "" : ` who is not its ${not_by.join(" or ")}`;
      return `\`${from}\` → \`${to}\` by ${who}${apart}`;
    })
    .join("; ");
