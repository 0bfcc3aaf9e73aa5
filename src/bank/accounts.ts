import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { AccountType, BankAccountStatus } from "../platform/enums.ts";
import { ledgerAccountTag } from "../ledger/tags.ts";
import { type AccountMove, accountMoves, type AccountMoveName, allowedFrom } from "./account-moves.ts";
import { ownUserOf } from "./own.ts";
import {
  getAccount as getStatement,
  type GetAccountRow,
  listAccounts as listStatement,
  moveAccount as moveStatement,
  openAccount as openStatement,
  updateAccount as updateStatement,
} from "./statements.ts";
import { accountsTag, accountTag, overviewTag } from "./tags.ts";

export type AccountInput = Readonly<{
  customer_id: string;
  type: AccountType;
  /** ISO 4217 */
  currency: string;
  nickname?: string;
}>;

/** Members of an account that may change; amounts in minor units of its currency. A limit of null: that of the KYC level. */
export type AccountPatch = Readonly<{
  nickname?: string | null;
  daily_limit?: number | null;
  monthly_limit?: number | null;
  overdraft_limit?: number;
  interest_bps?: number;
  overdraft_bps?: number;
}>;

export type AccountQuery = Readonly<{
  customer_id?: string;
  status?: BankAccountStatus;
  type?: AccountType;
  currency?: string;
  sort?: string;
  limit?: number;
}>;

/** What a page of accounts depends on. */
export type AccountPageParts = {
  business_id: string;
  own_user_id: string | null;
  customer_id: string | null;
  status: BankAccountStatus | null;
  type: AccountType | null;
  currency: string | null;
  sort: string;
  after: string | null;
  limit_rows: number;
};

/** A page of the accounts that the caller may see, newest first unless sorted otherwise. */
export const accountPage = (
  caller: Caller,
  query: AccountQuery,
  after: Keyset | null = null,
): AccountPageParts => ({
  business_id: caller.business_id,
  own_user_id: ownUserOf(caller),
  customer_id: query.customer_id?.toLowerCase() ?? null,
  status: query.status ?? null,
  type: query.type ?? null,
  currency: query.currency ?? null,
  sort: query.sort ?? "-opened_at",
  ...pageParameters(query.limit, after),
});

export async function readAccountPage(
  { report }: Pick<Deps["db"], "report">,
  parts: AccountPageParts,
  context: QueryContext,
): Promise<Page> {
  const [row] = await report.query(listStatement, parts, context);
  return row ?? emptyPage;
}

/** One account that the caller may see, with its state; null when there is none. */
export async function findAccount(deps: Deps, caller: Caller, id: string): Promise<GetAccountRow | null> {
  const { business_id } = caller;
  const parameters = { business_id, account_id: id, own_user_id: ownUserOf(caller) };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  return row ?? null;
}

/**
 * Opens an account: active where the customer has KYC level 1, else it waits. Refuses a customer of nobody or an archived
 * one (`reference_not_found`), and a currency that is not known or has no rate (`validation`).
 */
export function openAccount(deps: Deps, caller: Caller, input: AccountInput): Promise<Written | null> {
  const parameters = { account_id: deps.id(), account: JSON.stringify(input) };
  const { business_id } = caller;
  return act(deps, caller, openStatement, parameters, [accountsTag(business_id), overviewTag(business_id)]);
}

/**
 * Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`, a closed account (`account_not_open`),
 * limits above those of the KYC level (`validation`), an overdraft limit below what is overdrawn (`insufficient_funds`),
 * and to clerks whatever is more than the nickname (`forbidden`).
 */
export async function updateAccount(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: AccountPatch,
): Promise<Written> {
  const beyond = Object.keys(patch).filter((name) => name !== "nickname");
  if (caller.role === "clerk" && beyond.length > 0) {
    throw new Problem("forbidden", { detail: "A clerk changes the nickname; the rest is for managers" });
  }
  const parameters = { account_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  const changed = await act(deps, caller, updateStatement, parameters, [
    ...tagsOf(caller, id),
    // What is available, and the limits in the overviews.
    ledgerAccountTag(caller.business_id, id),
  ]);
  if (changed !== null) return changed;
  const { status } = await unmatched(deps, caller, id);
  throw new Problem(status === "closed" ? "account_not_open" : "precondition_failed");
}

/**
 * Moves an account to another state. Refuses a state that does not lead there (`illegal_transition`), a stale `If-Match`,
 * and to close an account with money in it or held (`account_not_empty`).
 */
export async function moveAccount(
  deps: Deps,
  caller: Caller,
  id: string,
  { move: name, reason = null }: { move: AccountMoveName; reason?: string | null },
): Promise<Written> {
  const move: AccountMove = accountMoves[name];
  const parameters = {
    account_id: id,
    version: caller.if_match,
    from_statuses: move.from,
    to_status: move.to,
    reason,
  };
  const moved = await act(deps, caller, moveStatement, parameters, tagsOf(caller, id));
  if (moved !== null) return moved;
  const { status: from } = await unmatched(deps, caller, id);
  // Others moved it there and back in between.
  if (move.from.includes(from)) throw new Problem("precondition_failed");
  throw new Problem("illegal_transition", {
    detail: `The account is ${from}`,
    extra: { from, to: move.to, allowed: allowedFrom(from) },
  });
}

/** The account that a write did not match, unless it is not there (`not_found`) or another version (`precondition_failed`). */
async function unmatched(deps: Deps, caller: Caller, id: string): Promise<GetAccountRow> {
  const found = await findAccount(deps, caller, id);
  if (found === null) throw new Problem("not_found");
  const isStale = caller.if_match !== null && caller.if_match !== found.version;
  if (isStale) throw new Problem("precondition_failed");
  return found;
}

const tagsOf = ({ business_id }: Caller, id: string): Tag[] => [
  accountsTag(business_id),
  accountTag(business_id, id),
  overviewTag(business_id),
];
