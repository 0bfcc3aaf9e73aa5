import { act, orStale } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { ownUserOf } from "./own.ts";
import {
  createBeneficiary as createStatement,
  deleteBeneficiary as deleteStatement,
  getBeneficiary as getStatement,
  listBeneficiaries,
  updateBeneficiary as updateStatement,
} from "./statements.ts";
import { beneficiariesTag } from "./tags.ts";

/** Members of a beneficiary that a caller may write. Absent: kept; null: cleared. */
export type BeneficiaryInput = Readonly<{
  name: string;
  nickname?: string | null;
  bank_name: string;
  /** ISO 9362. */
  bic?: string | null;
  /** IBAN (ISO 13616) or a plain account number, with or without spaces. */
  iban_or_account: string;
  /** ISO 3166 alpha-2, of the bank. */
  country: string;
  address?: Readonly<Record<string, string>>;
}>;

/** What a page of beneficiaries depends on. */
export type BeneficiaryPageParts = {
  business_id: string;
  own_user_id: string | null;
  customer_id: string | null;
  after: string | null;
  limit_rows: number;
};

/** A page of beneficiaries, newest first. */
export const beneficiaryPage = (
  caller: Caller,
  query: { customer_id?: string; limit?: number },
  after: Keyset | null = null,
): BeneficiaryPageParts => ({
  business_id: caller.business_id,
  own_user_id: ownUserOf(caller),
  customer_id: query.customer_id?.toLowerCase() ?? null,
  ...pageParameters(query.limit, after),
});

export async function readBeneficiaryPage(
  { report }: Pick<Deps["db"], "report">,
  parts: BeneficiaryPageParts,
  context: QueryContext,
): Promise<Page> {
  const [row] = await report.query(listBeneficiaries, parts, context);
  return row ?? emptyPage;
}

/** One beneficiary as the caller may see it, null when there is none. */
export async function getBeneficiary(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const parameters = {
    business_id: caller.business_id,
    own_user_id: ownUserOf(caller),
    beneficiary_id: id,
  };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  return row ?? null;
}

/**
 * Creates a beneficiary. Refuses a customer of nobody or of somebody else (`reference_not_found`), an account that the
 * customer has already (`already_exists`), and a BIC or an IBAN that is none (`validation`).
 */
export async function createBeneficiary(
  deps: Deps,
  caller: Caller,
  input: BeneficiaryInput & { customer_id: string },
): Promise<Written> {
  const parameters = {
    own_user_id: ownUserOf(caller),
    beneficiary_id: deps.id(),
    beneficiary: JSON.stringify(input),
  };
  const created = await act(deps, caller, createStatement, parameters, tagsOf(caller));
  if (created !== null) return created;
  const errors = [{ pointer: "/customer_id", detail: "There is no such customer" }];
  throw new Problem("reference_not_found", { errors });
}

/** Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`, and what creating refuses. */
export async function updateBeneficiary(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Partial<BeneficiaryInput>,
): Promise<Written> {
  const parameters = { ...rowOf(caller, id), patch: JSON.stringify(patch) };
  const changed = await act(deps, caller, updateStatement, parameters, tagsOf(caller));
  return orStale(changed, () => getBeneficiary(deps, caller, id));
}

/** Takes a beneficiary off the list; wires that went there keep what they were made with. Refuses a stale `If-Match`. */
export async function deleteBeneficiary(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const removed = await act(deps, caller, deleteStatement, rowOf(caller, id), tagsOf(caller));
  return orStale(removed, () => getBeneficiary(deps, caller, id));
}

const rowOf = (caller: Caller, beneficiary_id: string) => ({
  own_user_id: ownUserOf(caller),
  beneficiary_id,
  version: caller.if_match,
});

const tagsOf = ({ business_id }: Caller) => [beneficiariesTag(business_id)];
