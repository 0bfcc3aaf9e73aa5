import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";
import type { KycRisk, KycStatus } from "../platform/enums.ts";
import { customerOf } from "./customer-of.ts";
import { decideKyc as decideStatement, findKycProfile, listKycQueue } from "./statements.ts";
import { accountsTag, kycTag, overviewTag } from "./tags.ts";

/** What compliance may decide: the state that the profile goes to. */
export const kycDecisions = [
  "in_review",
  "approved",
  "rejected",
  "expired",
] as const satisfies readonly KycStatus[];

/** `expires_on`: `YYYY-MM-DD`, the last day of an approval. */
export type KycDecision = Readonly<{
  customer_id: string;
  decision: (typeof kycDecisions)[number];
  reason?: string | null;
  expires_on?: string | null;
  risk?: KycRisk;
  enhanced_due_diligence?: boolean;
}>;

/**
 * Whom a request concerns: see `customerOf`. Somebody at work must name a customer.
 *
 * @throws {Problem} `validation` where it must be named, `not_found` for a login that is no customer
 */
export async function kycCustomerOf(
  deps: Pick<Deps, "db">,
  caller: Caller,
  named: string | undefined,
): Promise<string> {
  const customer_id = await customerOf(deps, caller, named);
  if (customer_id !== null) return customer_id;
  throw new Problem("validation", { errors: [{ pointer: "customer_id", detail: "is required" }] });
}

/** What changes with the level of a customer: what is known of them, the accounts that it opens, the counts. */
export const levelTags = (business_id: string, customer_id: string): Tag[] => [
  kycTag(business_id, customer_id),
  accountsTag(business_id),
  overviewTag(business_id),
];

/** A page of those who wait for compliance, who has waited longest first. */
export async function listQueue(
  deps: Deps,
  caller: Caller,
  query: Readonly<{ status?: KycStatus; limit?: number }>,
  after: Keyset | null,
): Promise<Page> {
  const parameters = {
    business_id: caller.business_id,
    status: query.status ?? null,
    ...pageParameters(query.limit, after),
  };
  const [row] = await deps.db.report.query(listKycQueue, parameters, caller);
  return row ?? emptyPage;
}

/**
 * Decides on a customer. An approval raises the level to what the documents prove, opens the accounts that waited for it
 * and ends after `expires_on`.
 *
 * @throws {Problem} `illegal_transition`, `precondition_failed`, `kyc_incomplete`, `validation`, `not_found`
 */
export async function decide(deps: Deps, caller: Caller, input: KycDecision): Promise<Written> {
  const { customer_id, ...decision } = input;
  const isAgainst = decision.decision === "rejected" || decision.decision === "expired";
  if (isAgainst && (decision.reason ?? null) === null) {
    throw new Problem("validation", { errors: [{ pointer: "/reason", detail: "is required with it" }] });
  }
  const parameters = { customer_id, version: caller.if_match, decision: JSON.stringify(decision) };
  const tags = levelTags(caller.business_id, customer_id);
  const result = await act(deps, caller, decideStatement, parameters, tags);
  if (result !== null) return result;
  const { business_id } = caller;
  const [found] = await deps.db.fast.query(findKycProfile, { business_id, customer_id }, caller);
  throw refusedMove(found, { to: decision.decision, version: caller.if_match });
}

/** Why a move matched no row, by what is there now. `allowed`: a JSON array of states. */
export function refusedMove(
  found: Readonly<{ status: string; version: number; allowed: string }> | undefined,
  { to, version }: { to: string; version: number | null },
): Problem {
  if (found === undefined) return new Problem("not_found");
  const allowed = JSON.parse(found.allowed) as string[];
  // Allowed by now: others moved it in between.
  const isStale = (version !== null && version !== found.version) || allowed.includes(to);
  if (isStale) return new Problem("precondition_failed");
  return new Problem("illegal_transition", { extra: { from: found.status, to, allowed } });
}
