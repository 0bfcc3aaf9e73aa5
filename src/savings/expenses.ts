import { act } from "../core/act.ts";
import { settings } from "../core/settings-catalogue.ts";
import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { ExpenseSource, ExpenseStatus } from "../platform/enums.ts";
import { type ExpenseAction, expenseMoves } from "./expense-moves.ts";
import { type Own, ownOf } from "./own.ts";
import { createExpense as createStatement, listExpenses, moveExpense } from "./statements.ts";
import { expensesTag, remittancesTag } from "./tags.ts";

/** What was spent, minor units of the business's currency. `file_id`: an upload of the caller, which becomes the receipt. */
export type ExpenseInput = Readonly<{
  category: string;
  amount: number;
  paid_from?: ExpenseSource;
  /** Default: today. */
  spent_on?: string;
  description?: string | null;
  file_id?: string | null;
  /** Default: the caller's own. */
  unit_id?: string | null;
}>;

/** What a page of expenses depends on. Dates are days of the business's calendar. */
export type ExpensePageParts = Own & {
  business_id: string;
  member_id: string | null;
  unit_id: string | null;
  category: string | null;
  /** Separated by commas, in alphabetical order. */
  statuses: string | null;
  from_date: string | null;
  to_date: string | null;
  sort: string;
  after: string | null;
  limit_rows: number;
};

/** What a list of expenses is asked for with. */
export type ExpenseQuery = Readonly<{
  member_id?: string;
  unit_id?: string;
  category?: string;
  status?: readonly ExpenseStatus[];
  from?: string;
  to?: string;
  sort?: string;
  limit?: number;
}>;

/** A page of expenses, the latest day first unless sorted otherwise. */
export const expensePage = (
  caller: Caller,
  query: ExpenseQuery,
  after: Keyset | null = null,
): ExpensePageParts => ({
  business_id: caller.business_id,
  ...ownOf(caller),
  member_id: query.member_id?.toLowerCase() ?? null,
  unit_id: query.unit_id?.toLowerCase() ?? null,
  category: query.category ?? null,
  statuses: query.status === undefined ? null : [...new Set(query.status)].toSorted().join(","),
  from_date: query.from ?? null,
  to_date: query.to ?? null,
  sort: query.sort ?? "-spent_on",
  ...pageParameters(query.limit, after),
});

export async function readExpensePage(
  { report }: Pick<Deps["db"], "report">,
  { statuses, ...parts }: ExpensePageParts,
  context: QueryContext,
): Promise<Page> {
  const wanted = (statuses?.split(",") ?? null) as ExpenseStatus[] | null;
  const [row] = await report.query(listExpenses, { ...parts, statuses: wanted }, context);
  return row ?? emptyPage;
}

/** Columns of an export, in order: members of an expense. */
export const expenseColumns = [
  "id",
  "spent_on",
  "member_id",
  "unit_id",
  "category",
  "amount",
  "currency",
  "paid_from",
  "status",
  "description",
  "file_id",
  "remittance_id",
  "ledger_transaction_id",
  "decided_by",
  "decided_at",
  "reason",
] as const;

type ExpenseRow = Readonly<Record<(typeof expenseColumns)[number], string | number | null>>;

/** All that match, one record each under `expenseColumns`. */
export async function* expenseRecords(deps: Deps, caller: Caller, query: ExpenseQuery) {
  const rows = eachRow<ExpenseRow>((after, limit) =>
    readExpensePage(deps.db, expensePage(caller, { ...query, limit }, after), caller),
  );
  for await (const row of rows) yield expenseColumns.map((column) => row[column]);
}

const default_categories = JSON.stringify(settings["savings.expense_categories"].default);

/**
 * Records what the caller spent; nothing is booked before somebody else approves it.
 *
 * @throws {Problem} `validation` for a category that is not among `savings.expense_categories` and for a day that is to come,
 *   `reference_not_found` for a unit that is not there, or a file that is not the caller's or is another record's
 */
export function createExpense(deps: Deps, caller: Caller, input: ExpenseInput): Promise<Written | null> {
  const parameters = { expense_id: deps.id(), expense: JSON.stringify(input), default_categories };
  return act(deps, caller, createStatement, parameters, [expensesTag(caller.business_id)]);
}

/**
 * Changes an expense or decides on it, as `expenseMoves` allows. An approval books it: from the vault, or from the cash of
 * who spent it, of which one of their remittances then expects so much less.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition` with `{from, to, allowed}`, `forbidden`,
 *   `maker_checker`, `insufficient_funds` where no remittance that is not confirmed yet has as much, and of a change what
 *   `createExpense` refuses
 */
export async function decideExpense(
  deps: Deps,
  caller: Caller,
  {
    id,
    action,
    given,
  }: { id: string; action: ExpenseAction; given: Partial<ExpenseInput> & { reason?: string } },
): Promise<Written> {
  const { business_id } = caller;
  const parameters = {
    own_agent_id: ownOf(caller).own_agent_id,
    role: caller.role,
    expense_id: id,
    version: caller.if_match,
    action,
    moves: JSON.stringify(expenseMoves),
    given: JSON.stringify(given),
    default_categories,
    next_id: deps.id(),
  };
  const tags = [expensesTag(business_id), ...(action === "approve" ? [remittancesTag(business_id)] : [])];
  const moved = await act(deps, caller, moveExpense, parameters, tags);
  if (moved === null) throw new Problem("not_found");
  return moved;
}
