import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem, type ProblemError } from "../http/problem.ts";
import { refusalDocuments } from "../http/refusals.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import {
  createTransaction as createStatement,
  createTransactionBatch,
  deleteTransaction as deleteStatement,
  importLedgerEntries,
  listTransactions,
  updateTransaction as updateStatement,
} from "./statements.ts";
import { writtenBelow } from "./tags.ts";

/** Transactions that one request may bring. */
export const batchItemsMax = 500;
/** Begins the import ids of entries of the ledger; nobody else may use it. */
export const ledgerPrefix = "ledger:";

/** What a person writes down; minor units of the budget's currency: above 0 came in, below 0 went out. */
export type TransactionFields = Readonly<{
  category_id?: string | null;
  amount: number;
  /** A day of the budget's calendar. */
  occurred_on: string;
  payee?: string | null;
  memo?: string | null;
}>;
/** `import_id`: what a bank calls this line; the same one is never written twice into a budget. */
export type TransactionInput = TransactionFields & Readonly<{ import_id?: string }>;

/** What a page of transactions depends on. */
export type TransactionPageParts = {
  business_id: string;
  user_id: string;
  budget_id: string;
  month: string | null;
  from_date: string | null;
  to_date: string | null;
  /** Separated by commas, in alphabetical order. */
  category_ids: string | null;
  is_uncategorized: boolean;
  min_amount: string | null;
  max_amount: string | null;
  q: string | null;
  sort: string;
  after: string | null;
  limit_rows: number;
};

/** What a list of transactions is asked for with. */
export type TransactionQuery = Readonly<{
  month?: string;
  from?: string;
  to?: string;
  category_id?: readonly string[];
  uncategorized?: boolean;
  min?: number;
  max?: number;
  q?: string;
  sort?: string;
  limit?: number;
}>;

/** A page of the transactions of a budget of the caller, the latest day first unless sorted otherwise. */
export const transactionPage = (
  { business_id, user_id }: Caller,
  budget_id: string,
  query: TransactionQuery,
  after: Keyset | null = null,
): TransactionPageParts => ({
  business_id,
  user_id,
  budget_id: budget_id.toLowerCase(),
  month: query.month ?? null,
  from_date: query.from ?? null,
  to_date: query.to ?? null,
  category_ids:
    query.category_id === undefined
      ? null
      : [...new Set(query.category_id.map((id) => id.toLowerCase()))].toSorted().join(","),
  is_uncategorized: query.uncategorized ?? false,
  min_amount: query.min === undefined ? null : String(query.min),
  max_amount: query.max === undefined ? null : String(query.max),
  q: query.q ?? null,
  sort: query.sort ?? "-occurred_on",
  ...pageParameters(query.limit, after),
});

/** Null: the caller has no such budget. */
export async function readTransactionPage(
  { report }: Pick<Deps["db"], "report">,
  { category_ids, ...parts }: TransactionPageParts,
  context: QueryContext,
): Promise<Page | null> {
  const wanted = category_ids?.split(",") ?? null;
  return (await report.query(listTransactions, { ...parts, category_ids: wanted }, context))[0] ?? null;
}

/** Columns of an export, in order: members of a transaction. */
export const transactionColumns = [
  "id",
  "occurred_on",
  "amount",
  "category_id",
  "payee",
  "memo",
  "import_id",
  "ledger_entry_id",
] as const;

type TransactionRow = Readonly<Record<(typeof transactionColumns)[number], string | number | null>>;

/** All that match, one record each under `transactionColumns`. @throws {Problem} `not_found` before the first record */
export async function exportTransactions(
  deps: Deps,
  caller: Caller,
  budget_id: string,
  query: TransactionQuery,
): Promise<AsyncGenerator<(string | number | null)[], void, undefined>> {
  const read = async (after: Keyset | null, limit: number): Promise<Page> => {
    const parts = transactionPage(caller, budget_id, { ...query, limit }, after);
    return (await readTransactionPage(deps.db, parts, caller)) ?? notFound();
  };
  await read(null, 1);
  return recordsOf(read);
}

async function* recordsOf(read: (after: Keyset | null, limit: number) => Promise<Page>) {
  for await (const row of eachRow<TransactionRow>(read))
    yield transactionColumns.map((column) => row[column]);
}

function notFound(): never {
  throw new Problem("not_found");
}

/** What the schema of a transaction does not say. `at`: where it stands in the document. */
function faultsOf({ amount, import_id }: Partial<TransactionInput>, at = ""): ProblemError[] {
  const faults: ProblemError[] = [];
  if (amount === 0) faults.push({ pointer: `${at}/amount`, detail: "must not be 0" });
  if (import_id?.startsWith(ledgerPrefix) === true) {
    faults.push({ pointer: `${at}/import_id`, detail: `${ledgerPrefix} is kept for entries of the ledger` });
  }
  return faults;
}

function requireFaultless(errors: readonly ProblemError[]): void {
  if (errors.length > 0) throw new Problem("validation", { errors });
}

/** What refuses one transaction of many: budget.add_transactions. */
const problems = refusalDocuments(["transactions_day", "transactions_category_fk"]);

/** A write below a budget of the caller makes every answer of that budget wrong. */
const tagsOf = ({ user_id }: Caller, budget_id: string) => writtenBelow(user_id, budget_id);

/**
 * Writes a transaction down: 201 with it, or 200 with the one that its `import_id` had become before, as it is now.
 *
 * @throws {Problem} `not_found` without such a budget, `unknown_category`, `validation` for an amount of 0, a day that is in no
 *   month of the budget, an `import_id` of the ledger
 */
export async function createTransaction(
  deps: Deps,
  caller: Caller,
  budget_id: string,
  input: TransactionInput,
): Promise<Written> {
  requireFaultless(faultsOf(input));
  const parameters = { budget_id, item: JSON.stringify({ ...input, id: deps.id() }) };
  return orNotFound(await act(deps, caller, createStatement, parameters, tagsOf(caller, budget_id)));
}

/**
 * Writes many transactions, each judged by itself: the answer says of each what it would have been answered alone.
 *
 * @throws {Problem} `not_found` without such a budget, `validation` where the document itself is wrong
 */
export async function createTransactions(
  deps: Deps,
  caller: Caller,
  { budget_id, items }: Readonly<{ budget_id: string; items: readonly TransactionInput[] }>,
  instance: string,
): Promise<Written> {
  requireFaultless(items.flatMap((item, at) => faultsOf(item, `/items/${at}`)));
  const parameters = {
    budget_id,
    items: JSON.stringify(items.map((item) => ({ ...item, id: deps.id() }))),
    problems,
    instance,
  };
  return orNotFound(await act(deps, caller, createTransactionBatch, parameters, tagsOf(caller, budget_id)));
}

/** One transaction of one budget. */
export type TransactionPath = Readonly<{ id: string; transaction_id: string }>;

/**
 * Changes a transaction. Members that are absent stay, null clears.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, and what `createTransaction` refuses
 */
export async function updateTransaction(
  deps: Deps,
  caller: Caller,
  { id: budget_id, transaction_id }: TransactionPath,
  fields: Partial<TransactionFields>,
): Promise<Written> {
  requireFaultless(faultsOf(fields));
  const parameters = {
    budget_id,
    transaction_id,
    version: caller.if_match,
    fields: JSON.stringify(fields),
  };
  return orNotFound(await act(deps, caller, updateStatement, parameters, tagsOf(caller, budget_id)));
}

/**
 * Deletes a transaction: no figure and no list has it any more. Its `import_id` stays taken.
 *
 * @throws {Problem} `not_found`, `precondition_failed`
 */
export async function deleteTransaction(
  deps: Deps,
  caller: Caller,
  { id: budget_id, transaction_id }: TransactionPath,
): Promise<Written> {
  const parameters = { budget_id, transaction_id, version: caller.if_match };
  return orNotFound(await act(deps, caller, deleteStatement, parameters, tagsOf(caller, budget_id)));
}

/** Whose entries become transactions: of a bank account of the caller, on days of the budget's calendar. */
export type LedgerImport = Readonly<{
  account_id: string;
  category_id?: string | null;
  from?: string;
  to?: string;
}>;

/**
 * Makes transactions of the caller's own entries of the ledger, five hundred at a time, those that are there left out: to be
 * called until nothing is left.
 *
 * @throws {Problem} `not_found` without such a budget, `account_not_found` for one that is not the caller's own,
 *   `currency_mismatch`, `unknown_category`
 */
export async function importEntries(
  deps: Deps,
  caller: Caller,
  budget_id: string,
  request: LedgerImport,
): Promise<Written> {
  const parameters = { budget_id, request: JSON.stringify(request), limit_rows: batchItemsMax };
  return orNotFound(await act(deps, caller, importLedgerEntries, parameters, tagsOf(caller, budget_id)));
}
