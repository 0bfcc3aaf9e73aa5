import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { Side } from "../platform/enums.ts";
import { findAccount } from "./accounts.ts";
import { ownUserOf } from "./own.ts";
import {
  listAccountTransactions as listOfAccounts,
  listTransactions as listOfBusiness,
} from "./statements.ts";

/** Dates are days of the business's calendar, both included; amounts minor units, both included. */
export type TransactionQuery = Readonly<{
  customer_id?: string;
  from?: string;
  to?: string;
  side?: Side;
  min?: number;
  max?: number;
  /** The beginning of a reference, or a part of a memo. */
  q?: string;
  limit?: number;
}>;

/** What a page of transactions depends on. */
export type TransactionPageParts = {
  business_id: string;
  timezone: string;
  own_user_id: string | null;
  account_id: string | null;
  customer_id: string | null;
  from_date: string | null;
  to_date: string | null;
  side: Side | null;
  min_amount: number | null;
  max_amount: number | null;
  q: string | null;
  after: string | null;
  limit_rows: number;
};

/** A page of what moved an account, or with null the accounts that the caller may see; newest first. */
export const transactionPage = (
  caller: Caller,
  account_id: string | null,
  query: TransactionQuery,
  after: Keyset | null = null,
): TransactionPageParts => ({
  business_id: caller.business_id,
  timezone: caller.timezone,
  own_user_id: ownUserOf(caller),
  account_id: account_id?.toLowerCase() ?? null,
  customer_id: query.customer_id?.toLowerCase() ?? null,
  from_date: query.from ?? null,
  to_date: query.to ?? null,
  side: query.side ?? null,
  min_amount: query.min ?? null,
  max_amount: query.max ?? null,
  q: query.q?.trim() ?? null,
  ...pageParameters(query.limit, after),
});

/**
 * A search of all accounts says since when: no index knows amounts and memos, and days bound what is looked at. Refuses one
 * that does not (`validation`).
 */
export function requireBounded({ own_user_id, customer_id, ...parts }: TransactionPageParts): void {
  const isSearch = parts.q !== null || parts.min_amount !== null || parts.max_amount !== null;
  if (!isSearch || parts.from_date !== null || own_user_id !== null || customer_id !== null) return;
  const detail = "a search of all accounts by amount or text needs a first day, or a customer";
  throw new Problem("validation", { errors: [{ pointer: "/from", detail }] });
}

/** Null when there is no such account. */
export async function readTransactionPage(
  { report }: Pick<Deps["db"], "report">,
  parts: TransactionPageParts,
  context: QueryContext,
): Promise<Page | null> {
  const { own_user_id, account_id, customer_id, ...rest } = parts;
  const texts = { min_amount: textOf(parts.min_amount), max_amount: textOf(parts.max_amount) };
  if (own_user_id === null && account_id === null && customer_id === null) {
    const [row] = await report.query(listOfBusiness, { ...rest, ...texts }, context);
    return row ?? emptyPage;
  }
  const [row] = await report.query(listOfAccounts, { ...parts, ...texts }, context);
  return row ?? (account_id === null ? emptyPage : null);
}

const textOf = (amount: number | null): string | null => (amount === null ? null : String(amount));

/** A transaction as lists and exports have it; amounts in minor units. */
export type Transaction = Readonly<{
  id: number;
  account_id: string;
  transaction_id: string;
  transfer_id: string | null;
  kind: string;
  side: Side;
  amount: number;
  currency: string;
  balance_after: number | null;
  reference: string | null;
  memo: string | null;
  category: string | null;
  counterparty_account_id: string | null;
  effective_at: string;
  posted_at: string;
}>;

/** Columns of an export, in order. */
export const transactionColumns = [
  "id",
  "account_id",
  "effective_at",
  "posted_at",
  "kind",
  "side",
  "amount",
  "currency",
  "balance_after",
  "reference",
  "memo",
  "category",
  "counterparty_account_id",
  "transfer_id",
  "transaction_id",
] as const satisfies readonly (keyof Transaction)[];

/**
 * Every transaction that the query finds, as records under `transactionColumns`, in constant memory.
 *
 * @throws {Problem} `not_found` for an account that the caller does not see, and as `requireBounded` does; before anything
 *   is read
 */
export async function exportTransactions(
  deps: Deps,
  caller: Caller,
  account_id: string | null,
  query: TransactionQuery,
): Promise<AsyncGenerator<(string | number | null)[], void, undefined>> {
  if (account_id === null) requireBounded(transactionPage(caller, null, query));
  else if ((await findAccount(deps, caller, account_id)) === null) throw new Problem("not_found");
  const rows = eachRow<Transaction>(async (after, limit) => {
    const page = transactionPage(caller, account_id, { ...query, limit }, after);
    return (await readTransactionPage(deps.db, page, caller)) ?? emptyPage;
  });
  return records(rows);
}

async function* records(
  rows: AsyncIterable<Transaction>,
): AsyncGenerator<(string | number | null)[], void, undefined> {
  for await (const row of rows) yield transactionColumns.map((column) => row[column]);
}
