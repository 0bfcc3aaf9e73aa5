import type { Deps } from "../http/deps.ts";
import type { Caller } from "../http/scope.ts";
import type { Named } from "./chat-intents.ts";
import { firstDay, monthsLater } from "./months.ts";
import { readSpending, type SpendingGroup, spendingPage } from "./spending.ts";
import {
  findBudget,
  getAllocations,
  getAllocationsHistory,
  getAllocationsSummary,
  getChatScene,
  getMonth,
  getMonthlyBudget,
} from "./statements.ts";

/** The budget that is spoken of, and what is called how in it. Months are YYYY-MM. */
export type Scene = Readonly<{
  budget_id: string;
  currency: string;
  /** Digits of the currency behind the point. */
  exponent: number;
  first_month: string;
  now: string;
  groups: readonly Named[];
  categories: readonly Named[];
}>;

type Sums = Readonly<{ income: number; planned: number; spent: number; remaining: number }>;
export type Summary = Sums;
export type Allocations = Sums & { allocations: readonly (Sums & { group_id: string })[] };
export type Monthly = Sums & { to_budget: number | null; held: number };
export type MonthOfHistory = Sums & { month: string };
export type MonthBody = Readonly<{
  groups: readonly {
    categories: readonly {
      id: string;
      planned: number;
      activity: number;
      carry_in: number;
      balance: number;
    }[];
  }[];
}>;
export type Spending = Readonly<{
  data: readonly { category_id?: string; name?: string; payee?: string | null; spent: number }[];
}>;

/** The figures of one person, each asked by the statement of the endpoint whose path stands beside it. */
export function figuresOf({ db }: Deps, caller: Caller) {
  const { business_id, user_id } = caller;
  const parsed = (row: { body: string | null } | undefined): unknown => JSON.parse(row?.body ?? "null");
  const viewed = ({ budget_id, currency }: Scene, month: string) => ({
    business_id,
    budget_id,
    currency,
    month: firstDay(month),
  });
  const view = (path: string, month: string, more = "") => {
    const [year, of_year] = month.split("-").map(Number);
    return `GET /api/v1/${path}?year=${year}&month=${of_year}${more}`;
  };
  return {
    async scene(): Promise<Scene | null> {
      const [row] = await db.fast.query(getChatScene, { business_id, user_id }, caller);
      if (row === undefined) return null;
      const { month, groups, categories, ...budget } = row;
      return {
        ...budget,
        now: month,
        groups: JSON.parse(groups) as Named[],
        categories: JSON.parse(categories) as Named[],
      };
    },
    async summary(scene: Scene, month: string): Promise<[Summary, string]> {
      const [row] = await db.fast.query(getAllocationsSummary, viewed(scene, month), caller);
      return [parsed(row) as Summary, view("allocations/summary", month)];
    },
    async allocations(scene: Scene, month: string): Promise<[Allocations, string]> {
      const [row] = await db.fast.query(getAllocations, viewed(scene, month), caller);
      return [parsed(row) as Allocations, view("allocations", month)];
    },
    async monthly(scene: Scene, month: string): Promise<[Monthly, string]> {
      const [row] = await db.fast.query(getMonthlyBudget, viewed(scene, month), caller);
      return [parsed(row) as Monthly, view("monthly-budget", month)];
    },
    async history(scene: Scene, month: string, months: number): Promise<[readonly MonthOfHistory[], string]> {
      const [row] = await db.fast.query(getAllocationsHistory, { ...viewed(scene, month), months }, caller);
      const { data } = parsed(row) as { data: MonthOfHistory[] };
      return [data, view("allocations/history", month, `&months=${months}`)];
    },
    async month({ budget_id }: Scene, month: string): Promise<[MonthBody, string]> {
      const [row] = await db.fast.query(
        getMonth,
        { business_id, user_id, budget_id, month: firstDay(month) },
        caller,
      );
      return [parsed(row) as MonthBody, `GET /api/v1/budgets/${budget_id}/months/${month}`];
    },
    async spending(
      { budget_id }: Scene,
      month: string,
      group_by: SpendingGroup,
    ): Promise<[Spending["data"], string]> {
      const from = firstDay(month);
      const to = lastDay(month);
      const page = await readSpending(
        db,
        spendingPage(caller, budget_id, { from, to, group_by, limit: 200 }),
        caller,
      );
      const path = `GET /api/v1/budgets/${budget_id}/insights/spending?from=${from}&to=${to}&group_by=${group_by}`;
      return [JSON.parse(page?.data ?? "[]") as Spending["data"], path];
    },
  };
}

export type Figures = ReturnType<typeof figuresOf>;

function lastDay(month: string): string {
  const next = new Date(`${firstDay(monthsLater(month, 1))}T00:00:00Z`);
  return new Date(next.getTime() - 86_400_000).toISOString().slice(0, 10);
}

/** The caller's own month as the endpoint of months shows it, JSON text; null without a budget. */
export async function monthOf({ db }: Deps, caller: Caller): Promise<{ month: string; body: string } | null> {
  const { business_id, user_id } = caller;
  const [head] = await db.fast.query(findBudget, { business_id, user_id, budget_id: null }, caller);
  if (head === undefined) return null;
  const month = new Intl.DateTimeFormat("en-CA", {
    timeZone: head.timezone,
    year: "numeric",
    month: "2-digit",
  })
    .format(new Date())
    .slice(0, 7);
  const parameters = { business_id, user_id, budget_id: head.budget_id, month: firstDay(month) };
  const [row] = await db.fast.query(getMonth, parameters, caller);
  return row === undefined ? null : { month, body: row.body };
}
