import { permissions } from "../http/policy.ts";
import type { RemittanceStatus } from "../platform/enums.ts";
import type { Move } from "../core/moves.ts";

const byAgent = { roles: permissions["remittances.submit"], maker: "only" } as const;
const byOthers = { roles: permissions["remittances.decide"], maker: "never" } as const;

/** Every legal move: what the statement decides by, the documentation says and the tests are made from. */
export const remittanceMoves = [
  { action: "submit", from: "open", to: "submitted", ...byAgent },
  { action: "dispute", from: "submitted", to: "disputed", ...byOthers },
  { action: "confirm", from: "submitted", to: "confirmed", ...byOthers },
  { action: "confirm", from: "disputed", to: "confirmed", ...byOthers },
] as const satisfies readonly Move<RemittanceStatus>[];

export type RemittanceAction = (typeof remittanceMoves)[number]["action"];
