import { permissions } from "../http/policy.ts";
import type { CollectionStatus, MemberRole } from "../platform/enums.ts";

/** A legal move of a collection. `same_day`: roles that may make it on its business date only, while its remittance is open. */
export type CollectionMove = Readonly<{
  action: string;
  from: CollectionStatus;
  to: CollectionStatus;
  roles: readonly MemberRole[];
  same_day: readonly MemberRole[];
}>;

const reversal = {
  action: "reverse",
  to: "reversed",
  roles: permissions["collections.reverse"],
  same_day: ["agent", "sub_agent"],
} as const;

/**
 * Every legal move: what the statement decides by, the documentation says and the tests are made from. Only the provider's
 * event confirms a payment: no role does.
 */
export const collectionMoves = [
  { action: "confirm", from: "recorded", to: "confirmed", roles: [], same_day: [] },
  { ...reversal, from: "recorded" },
  { ...reversal, from: "confirmed" },
] as const satisfies readonly CollectionMove[];

/** Who reverses, in words, for its documentation. */
export const describeReversal = (): string =>
  collectionMoves
    .filter(({ action }) => action === "reverse")
    .map(({ from, to, roles, same_day }) => {
      const days = `${same_day.join(", ")} on its business date only, while its remittance is open`;
      return `\`${from}\` → \`${to}\` by ${roles.join(", ")}; ${days}`;
    })
    .join(". ");
