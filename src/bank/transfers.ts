import { act, orStale } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { TransferKind, TransferStatus } from "../platform/enums.ts";
import { findAccount } from "./accounts.ts";
import { ownUserOf } from "./own.ts";
import { type Movement, movementRow, refusalDocuments } from "./posting.ts";
import {
  getTransfer as getStatement,
  listTransfers as listStatement,
  moveBatch,
  reverseTransfer as reverseStatement,
  updateTransfer as updateStatement,
} from "./statements.ts";
import { moneyTags } from "./tags.ts";

/** Transfers that one request may ask for. */
export const batchItemsMax = 500;

export type TransferQuery = Readonly<{
  account_id?: string;
  kind?: TransferKind;
  status?: readonly TransferStatus[];
  from?: string;
  to?: string;
  min?: number;
  max?: number;
  category?: string;
  q?: string;
  limit?: number;
}>;

/** What a page of transfers depends on. */
export type TransferPageParts = {
  business_id: string;
  own_user_id: string | null;
  account_id: string | null;
  kind: TransferKind | null;
  /** Joined by commas, in the order of the alphabet. */
  statuses: string;
  timezone: string;
  from: string | null;
  to: string | null;
  min: number | null;
  max: number | null;
  category: string | null;
  q: string | null;
  after: string | null;
  limit_rows: number;
};

/** A page of transfers as the caller may see them, newest first. */
export const transferPage = (
  caller: Caller,
  query: TransferQuery,
  after: Keyset | null = null,
): TransferPageParts => ({
  business_id: caller.business_id,
  own_user_id: ownUserOf(caller),
  account_id: query.account_id?.toLowerCase() ?? null,
  kind: query.kind ?? null,
  statuses: [...new Set(query.status)].sort().join(","),
  timezone: caller.timezone,
  from: query.from ?? null,
  to: query.to ?? null,
  min: query.min ?? null,
  max: query.max ?? null,
  category: query.category ?? null,
  q: query.q ?? null,
  ...pageParameters(query.limit, after),
});

/**
 * A search of all transfers says since when, as one of all transactions does: no index knows amounts, memos and categories.
 * Refuses one that does not (`validation`).
 */
export function requireSearchBounds({ own_user_id, account_id, from, ...parts }: TransferPageParts): void {
  const { q, min, max, category } = parts;
  if (own_user_id !== null || account_id !== null || from !== null) return;
  if (q === null && min === null && max === null && category === null) return;
  const detail = "a search of all transfers by amount, category or text needs a first day, or an account";
  throw new Problem("validation", { errors: [{ pointer: "/from", detail }] });
}

export async function readTransferPage(
  { report }: Pick<Deps["db"], "report">,
  { kind, statuses, ...parameters }: TransferPageParts,
  context: QueryContext,
): Promise<Page> {
  const lists = {
    kinds: kind === null ? null : [kind],
    statuses: statuses === "" ? null : (statuses.split(",") as TransferStatus[]),
  };
  const [row] = await report.query(listStatement, { ...parameters, ...lists }, context);
  return row ?? emptyPage;
}

/** One transfer that the caller may see, null when there is none. */
export async function getTransfer(deps: Deps, caller: Caller, transfer_id: string): Promise<Resource | null> {
  const { business_id } = caller;
  const parameters = { business_id, transfer_id, own_user_id: ownUserOf(caller) };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  return row ?? null;
}

/**
 * Moves money many times, as one effect: each movement by itself, or with `atomic` all or none (`batch_refused`, whose
 * `errors` name each item that would have been refused).
 */
export async function postTransferBatch(
  deps: Deps,
  caller: Caller,
  { atomic, movements }: Readonly<{ atomic: boolean; movements: readonly Movement[] }>,
  instance: string,
): Promise<Written | null> {
  // The key is the batch's: its items have none.
  const rows = movements.map((movement, at) => ({
    ...movementRow(deps, caller, movement, instance),
    key: null,
    request_hash: null,
    pointer: `/items/${at}`,
  }));
  const parameters = { movements: JSON.stringify(rows), is_atomic: atomic, problems: refusalDocuments };
  const accounts = movements.flatMap(({ from_account_id, to_account_id }) => [
    from_account_id,
    to_account_id,
  ]);
  return act(deps, caller, moveBatch, parameters, [...new Set(moneyTags(caller.business_id, accounts))]);
}

/** Undoes a transfer by its mirror image, once. Refuses what posting refuses: the money may have gone on. */
export async function reverseTransfer(
  deps: Deps,
  caller: Caller,
  transfer_id: string,
  reason: string,
): Promise<Written | null> {
  const found = await getTransfer(deps, caller, transfer_id);
  if (found === null) return null;
  const { from_account_id, to_account_id } = JSON.parse(found.body) as Movement;
  const parameters = { transfer_id, reversal_id: deps.id(), reason };
  const tags = moneyTags(caller.business_id, [from_account_id, to_account_id]);
  return act(deps, caller, reverseStatement, parameters, tags);
}

/**
 * Changes what a transfer is filed under (RFC 7396). Refuses a stale `If-Match`, and a customer who did not pay it
 * (`forbidden`): both ends read the same words, and nobody's are put into another's mouth.
 */
export async function updateTransfer(
  deps: Deps,
  caller: Caller,
  transfer_id: string,
  patch: Readonly<{ memo?: string | null; category?: string | null }>,
): Promise<Written> {
  const found = await getTransfer(deps, caller, transfer_id);
  if (found === null) throw new Problem("not_found");
  // The entries of both accounts show it.
  const { from_account_id, to_account_id } = JSON.parse(found.body) as Movement;
  const payer = from_account_id ?? to_account_id;
  if (ownUserOf(caller) !== null && (payer === null || (await findAccount(deps, caller, payer)) === null)) {
    throw new Problem("forbidden", { detail: "Whoever paid files it" });
  }
  const tags = moneyTags(caller.business_id, [from_account_id, to_account_id]);
  const parameters = {
    transfer_id,
    own_user_id: ownUserOf(caller),
    version: caller.if_match,
    patch: JSON.stringify(patch),
  };
  const changed = await act(deps, caller, updateStatement, parameters, tags);
  return orStale(changed, () => getTransfer(deps, caller, transfer_id));
}
