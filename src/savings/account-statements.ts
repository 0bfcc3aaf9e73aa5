import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Caller } from "../http/scope.ts";
import { ownOf } from "./own.ts";
import { getStatementHead, type GetStatementHeadRow, listStatementRows } from "./statements.ts";

/** Lines that a statement as JSON has at most: what is longer is taken as CSV, which is a stream. */
export const statementLinesMax = 5_000;

/** Days of the business's calendar, both included; by default from the first payment until today. */
export type StatementPeriod = Readonly<{ from?: string; to?: string }>;

/** A line of a statement: what moved the account, with the visit that it belongs to. Amounts in minor units. */
export type StatementLine = Readonly<{
  date: string;
  effective_at: string;
  kind: string;
  transaction_id: string;
  /** Of the visit, which may lie before the day on which it was booked. */
  business_date: string | null;
  receipt_no: string | null;
  method: string | null;
  markings: number | null;
  description: string | null;
  side: "debit" | "credit";
  amount: number;
}>;

/** What stands above the lines of a statement, as of the moment when it was asked for. */
export type StatementHead = GetStatementHeadRow & Readonly<{ account_id: string }>;

/**
 * What stands above the lines of a statement.
 *
 * @throws {Problem} `validation` for a period that ends before it begins, `not_found` for an account that is not theirs
 */
export async function getHead(
  deps: Deps,
  caller: Caller,
  account_id: string,
  { from = null, to = null }: { [Day in keyof StatementPeriod]: StatementPeriod[Day] | null },
): Promise<StatementHead> {
  const { business_id, timezone } = caller;
  const asked = { business_id, account_id, ...ownOf(caller), timezone, from_date: from, to_date: to };
  const [head] = await deps.db.report.query(getStatementHead, asked, caller);
  if (head === undefined) throw new Problem("not_found");
  if (head.to_date < head.from_date) {
    throw new Problem("validation", { errors: [{ pointer: "to", detail: "is a day before the first" }] });
  }
  return { account_id, ...head };
}

/**
 * The lines of a statement with the balance after each, in constant memory. Throws at the end, which breaks a stream, when
 * they do not lead from the opening to the closing balance: it would be our bug.
 */
export async function* eachStatementLine(
  deps: Deps,
  caller: Caller,
  { account_id, from_date, to_date, through_entry_id, ...head }: StatementHead,
): AsyncGenerator<StatementLine & { balance: number }, void, undefined> {
  const { business_id, timezone } = caller;
  const of = { business_id, account_id, timezone, from_date, to_date, through_entry_id };
  const read = async (after: Keyset | null, limit: number): Promise<Page> => {
    const parameters = { ...of, ...pageParameters(limit, after) };
    return (await deps.db.report.query(listStatementRows, parameters, caller))[0] ?? emptyPage;
  };
  // Exact: no savings account may hold more than 2^53 - 1.
  let balance = Number(head.opening);
  let entries = 0;
  for await (const line of eachRow<StatementLine>(read)) {
    balance += line.side === "credit" ? line.amount : -line.amount;
    entries += 1;
    yield { ...line, balance };
  }
  if (balance !== Number(head.closing) || entries !== head.entries) {
    throw new Error(`the lines of a statement of savings account ${account_id} do not add up`);
  }
}

/** A whole statement as one object. Refuses one with more lines than `statementLinesMax` (`validation`). */
export async function wholeStatement(
  deps: Deps,
  caller: Caller,
  head: StatementHead,
): Promise<Record<string, unknown>> {
  if (head.entries > statementLinesMax) {
    const detail = `The period has ${head.entries} lines, JSON at most ${statementLinesMax}: take it as CSV, or less of it`;
    throw new Problem("validation", { detail });
  }
  const { account_id: savings_account_id, tracking_number, currency, from_date: from, to_date: to } = head;
  const lines = await Array.fromAsync(eachStatementLine(deps, caller, head));
  const [opening, closing] = [Number(head.opening), Number(head.closing)];
  return { savings_account_id, tracking_number, currency, from, to, opening, lines, closing };
}

/** Columns of the CSV form, in order. */
export const statementColumns = [
  "date",
  "effective_at",
  "kind",
  "transaction_id",
  "business_date",
  "receipt_no",
  "method",
  "markings",
  "description",
  "side",
  "amount",
  "balance",
] as const;

type Field = string | number | null;

/** The records of the CSV form: between one that says the opening balance and one that says the closing balance. */
export async function* statementRecords(
  { from_date, to_date, opening, closing }: StatementHead,
  lines: ReturnType<typeof eachStatementLine>,
): AsyncGenerator<Field[], void, undefined> {
  const record = (line: Readonly<Partial<Record<(typeof statementColumns)[number], Field>>>): Field[] =>
    statementColumns.map((column) => line[column] ?? null);
  yield record({ date: from_date, kind: "opening", balance: Number(opening) });
  for await (const line of lines) yield record(line);
  yield record({ date: to_date, kind: "closing", balance: Number(closing) });
}
