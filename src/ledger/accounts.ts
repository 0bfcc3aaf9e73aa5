import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { AccountKind } from "../platform/enums.ts";
import {
  createAccount as createStatement,
  getAccount as getStatement,
  getTrialBalance as getTrialBalanceStatement,
  listAccounts as listStatement,
} from "./statements.ts";
import { ledgerAccountTag } from "./tags.ts";

/** An account that no module owns. Bounds in minor units: null is none. */
export type AccountInput = Readonly<{
  code: string;
  kind: AccountKind;
  currency: string;
  overdraft_limit?: number | null;
  max_balance?: number | null;
}>;

/** `code`: beginning of the code. */
export type AccountQuery = Readonly<{
  code?: string;
  owner_type?: string;
  owner_id?: string;
  currency?: string;
  limit?: number;
}>;

/** Creates an account. Refuses a code that exists (`already_exists`) and an unknown currency (`reference_not_found`). */
export function createAccount(deps: Deps, caller: Caller, input: AccountInput): Promise<Written | null> {
  const account_id = deps.id();
  const parameters = { account_id, account: JSON.stringify(input) };
  return act(deps, caller, createStatement, parameters, [ledgerAccountTag(caller.business_id, account_id)]);
}

/** One account of the caller's business with its balance, null when there is none. */
export async function getAccount(deps: Deps, caller: Caller, account_id: string): Promise<Resource | null> {
  const { business_id } = caller;
  const [row] = await deps.db.fast.query(getStatement, { business_id, account_id }, caller);
  return row ?? null;
}

/** A page of accounts of the caller's business, by code. */
export async function listAccounts(
  deps: Deps,
  caller: Caller,
  query: AccountQuery,
  after: Keyset | null,
): Promise<Page> {
  const parameters = {
    business_id: caller.business_id,
    code: query.code ?? null,
    owner_type: query.owner_type ?? null,
    owner_id: query.owner_id ?? null,
    currency: query.currency ?? null,
    ...pageParameters(query.limit, after),
  };
  const [row] = await deps.db.report.query(listStatement, parameters, caller);
  return row ?? emptyPage;
}

/** What all accounts of the caller's business have, as of an instant (RFC 3339), or all that is posted. */
export async function getTrialBalance(deps: Deps, caller: Caller, as_of: string | null): Promise<Resource> {
  const parameters = { business_id: caller.business_id, as_of };
  const [row] = await deps.db.report.query(getTrialBalanceStatement, parameters, caller);
  if (row === undefined) throw new Error("a trial balance always has a body");
  return row;
}
