import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { BudgetHead } from "./budgets.cache.ts";
import { holdMonth as holdStatement, planMonth as planStatement } from "./statements.ts";
import { writtenBelow } from "./tags.ts";

/** The months that one answer shows at most. */
export const mostMonths = 36;

/** The first day of a month that is given as YYYY-MM. */
export const firstDay = (month: string): string => `${month}-01`;

/** The month so many months later, as YYYY-MM; negative: earlier. */
export function monthsLater(month: string, months: number): string {
  const [year = 0, of_year = 1] = month.split("-").map(Number);
  const later = new Date(0);
  later.setUTCFullYear(year, of_year - 1 + months, 1);
  return later.toISOString().slice(0, "YYYY-MM".length);
}

/** A budget goes as far as this after its first month; budget.require_month says the same of writes. */
const years = 50;

/**
 * Refuses a month that a budget has not, which a parameter of the request named.
 *
 * @throws {Problem} `validation`
 */
export function requireMonth({ first_month }: BudgetHead, month: string, pointer: string): void {
  if (month >= first_month && month < monthsLater(first_month, 12 * years)) return;
  const detail = `Before the first month of the budget (${first_month}), or ${years} years later`;
  throw new Problem("validation", { errors: [{ pointer, detail }] });
}

/**
 * From which to which month a list goes: a year that ends now, as far as the budget goes back, unless something else is asked.
 * `now`: the month that it is in the budget's time zone.
 *
 * @throws {Problem} `validation` for the wrong order, too many months, or months that the budget has not
 */
export function rangeOf(
  head: BudgetHead,
  { from, to }: Readonly<{ from?: string; to?: string }>,
  now: string,
): { from_month: string; to_month: string } {
  const last = to ?? later(from === undefined ? now : monthsLater(from, 11), head.first_month);
  const first = from ?? later(monthsLater(last, -11), head.first_month);
  requireMonth(head, first, "from");
  requireMonth(head, last, "to");
  if (last < first || last > monthsLater(first, mostMonths - 1)) {
    const detail = `From the first to the last, ${mostMonths} months at most`;
    throw new Problem("validation", { errors: [{ pointer: "to", detail }] });
  }
  return { from_month: firstDay(first), to_month: firstDay(last) };
}

const later = (one: string, other: string): string => (one > other ? one : other);

/** Which month, of which budget. */
export type Place = Readonly<{ id: string; month: string }>;
/** A plan of a category; without `note` the note stays. */
export type Plan = Readonly<{ category_id: string; planned: number; note?: string | null }>;
/** How a month is planned: budget.wanted_plans. */
export type Planning =
  | Readonly<{ operation: "set"; plans: readonly Plan[] }>
  | Readonly<{ operation: "move"; from: string; to: string; amount: number }>
  | Readonly<{ operation: "copy_last_month" }>
  | Readonly<{ operation: AssignBy; amount?: number; category_ids?: readonly string[] }>;

export const assignBys = ["target_bps", "average3", "last", "up_to"] as const;
export type AssignBy = (typeof assignBys)[number];

/**
 * Plans a month, all or none of it, and answers with the month.
 *
 * @throws {Problem} `not_found`; `precondition_failed`; `unknown_category`; `income_category`; `validation`
 */
export async function planMonth(
  deps: Deps,
  caller: Caller,
  { id: budget_id, month }: Place,
  { operation, ...input }: Planning,
): Promise<Written> {
  const parameters = {
    budget_id,
    version: caller.if_match,
    month: firstDay(month),
    operation,
    input: JSON.stringify(input),
  };
  return orNotFound(
    await act(deps, caller, planStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}

/** Refuses what auto-assigning cannot do. @throws {Problem} `validation` */
export function assigning(input: { by: AssignBy; amount?: number; category_ids?: string[] }): Planning {
  const { by, amount, category_ids } = input;
  if (by === "up_to" && amount === undefined) throw wrongAmount("How far balances are to be lifted");
  if ((by === "average3" || by === "last") && amount !== undefined)
    throw wrongAmount("Only with target_bps and up_to");
  return {
    operation: by,
    ...(amount === undefined ? {} : { amount }),
    ...(category_ids === undefined ? {} : { category_ids: category_ids.map((id) => id.toLowerCase()) }),
  };
}

const wrongAmount = (detail: string): Problem =>
  new Problem("validation", { errors: [{ pointer: "/amount", detail }] });

/** Refuses to move money from a category to itself. @throws {Problem} `validation` */
export function moving({ from, to, amount }: { from: string; to: string; amount: number }): Planning {
  if (from.toLowerCase() === to.toLowerCase()) {
    throw new Problem("validation", { errors: [{ pointer: "/to", detail: "The category it comes from" }] });
  }
  return { operation: "move", from, to, amount };
}

/** Holds `held` of a month for later ones, or with null what is computed; answers with the month. @throws {Problem} as `planMonth` */
export async function holdMonth(
  deps: Deps,
  caller: Caller,
  { id: budget_id, month }: Place,
  held: number | null,
): Promise<Written> {
  const parameters = {
    budget_id,
    version: caller.if_match,
    month: firstDay(month),
    held: held === null ? null : String(held),
  };
  return orNotFound(
    await act(deps, caller, holdStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}
