import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { ownUserOf } from "./own.ts";
import {
  createStatement as createRow,
  getStatementHead,
  type GetStatementHeadRow,
  listStatementRows,
  listStatements,
  prepareStatement,
} from "./statements.ts";
import { statementsTag } from "./tags.ts";

/** Which account, and the first and the last day of the period, in the business's calendar. */
export type StatementInput = Readonly<{ account_id: string; from: string; to: string }>;

/**
 * Makes a statement of an account for days that are over; it never changes afterwards, whatever is posted later. Refuses an
 * account that is not there or not theirs (`reference_not_found`), a period that runs still, is longer than a year or
 * has over 500,000 entries (`validation`), and a second one for the same period (`already_exists`).
 *
 * Not one statement but a read, its rows, and the write: which rows there are is settled with the read, and so many may
 * not be hashed while a connection for writes waits.
 */
export async function createStatement(
  deps: Deps,
  caller: Caller,
  { account_id, from, to }: StatementInput,
): Promise<Written | null> {
  const { business_id } = caller;
  const period = { account_id, from_date: from, to_date: to };
  const asked = { business_id, ...period, own_user_id: ownUserOf(caller) };
  const [prepared] = await deps.db.report.query(prepareStatement, asked, caller);
  if (prepared === undefined) throw new Error("a statement was not prepared");
  const sha256 = await hashOf(eachStatementRow(deps, caller, { ...period, ...prepared }));
  const parameters = { statement_id: deps.id(), ...period, ...prepared, sha256 };
  return act(deps, caller, createRow, parameters, [statementsTag(business_id)]);
}

/** Of the rows in their order: each as JSON without white space and without its balance, and a line feed. */
async function hashOf(rows: AsyncIterable<StatementRow>): Promise<Uint8Array> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const { balance: _, ...row } of rows) hash.update(`${JSON.stringify(row)}\n`);
  return hash.digest();
}

/** Filters of the list. `from`, `to`: statements whose period lies between these days, both included. */
export type StatementQuery = Readonly<{ account_id?: string; from?: string; to?: string; limit?: number }>;

/** What a page of statements depends on. */
export type StatementPageParts = {
  business_id: string;
  own_user_id: string | null;
  account_id: string | null;
  from_date: string | null;
  to_date: string | null;
  after: string | null;
  limit_rows: number;
};

/** A page of statements, the newest first. */
export const statementPage = (caller: Caller, query: StatementQuery): StatementPageParts => ({
  business_id: caller.business_id,
  own_user_id: ownUserOf(caller),
  account_id: query.account_id?.toLowerCase() ?? null,
  from_date: query.from ?? null,
  to_date: query.to ?? null,
  ...pageParameters(query.limit, null),
});

export async function readStatementPage(
  { report }: Pick<Deps["db"], "report">,
  parts: StatementPageParts,
  context: QueryContext,
): Promise<Page> {
  const [row] = await report.query(listStatements, parts, context);
  return row ?? emptyPage;
}

/** What stands above the rows of a statement. Opening and closing are minor units as text. */
export type StatementHead = GetStatementHeadRow;

/** What the rows of a statement are found by, and what they must come to. */
type StatementBounds = Pick<
  StatementHead,
  "account_id" | "from_date" | "to_date" | "timezone" | "through_entry_id" | "opening" | "closing" | "entries"
>;

/** Throws `not_found`: it is not there, or not theirs. */
export async function getHead(deps: Deps, caller: Caller, statement_id: string): Promise<StatementHead> {
  const { business_id } = caller;
  const parameters = { business_id, statement_id, own_user_id: ownUserOf(caller) };
  const [head] = await deps.db.fast.query(getStatementHead, parameters, caller);
  if (head === undefined) throw new Problem("not_found");
  return head;
}

/** A row of a statement as it is hashed (bank.statement_row), and the balance after it, in minor units. */
export type StatementRow = Readonly<{
  entry_id: number;
  transaction_id: string;
  effective_at: string;
  kind: string;
  reference: string | null;
  description: string | null;
  side: "debit" | "credit";
  amount: number;
  currency: string;
  balance: bigint;
}>;

/**
 * The rows of a statement in their order, in constant memory. Throws at the end, which breaks a stream, when they do not
 * lead from the opening to the closing balance: it would be our bug, and nobody may take the result for a statement.
 */
export async function* eachStatementRow(
  deps: Deps,
  caller: Caller,
  bounds: StatementBounds,
): AsyncGenerator<StatementRow, void, undefined> {
  const { account_id, from_date, to_date, timezone, through_entry_id } = bounds;
  const of = { business_id: caller.business_id, account_id, from_date, to_date, timezone, through_entry_id };
  const read = async (after: Keyset | null, limit: number): Promise<Page> => {
    const [row] = await deps.db.report.query(
      listStatementRows,
      { ...of, ...pageParameters(limit, after) },
      caller,
    );
    return row ?? emptyPage;
  };
  let balance = BigInt(bounds.opening);
  let entries = 0;
  for await (const row of eachRow<Omit<StatementRow, "balance">>(read)) {
    balance += row.side === "credit" ? BigInt(row.amount) : -BigInt(row.amount);
    entries += 1;
    yield { ...row, balance };
  }
  if (String(balance) !== bounds.closing || entries !== bounds.entries) {
    throw new Error(`the rows of a statement of account ${account_id} do not add up`);
  }
}

/** Columns of the CSV form, in order: those of bank.statement_row, then the balance after the row. */
export const statementColumns: readonly string[] = [
  "entry_id",
  "transaction_id",
  "effective_at",
  "kind",
  "reference",
  "description",
  "side",
  "amount",
  "currency",
  "balance",
];

/** The records of the CSV form. */
export async function* statementRecords(
  rows: AsyncIterable<StatementRow>,
): AsyncGenerator<(string | number | null)[], void, undefined> {
  for await (const row of rows) {
    const { entry_id, transaction_id, effective_at, kind, reference, description } = row;
    const money = [row.side, row.amount, row.currency, String(row.balance)];
    yield [entry_id, transaction_id, effective_at, kind, reference, description, ...money];
  }
}
