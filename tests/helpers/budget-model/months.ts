import type { BudgetMode, Rollover } from "../../../src/platform/enums.ts";

/** What a budget holds. Months count from its first, which is 0; amounts are minor units. */
export type BudgetWorld = Readonly<{
  mode: BudgetMode;
  groups: readonly Readonly<{ id: string; is_income: boolean; hidden: boolean; target_bps: number }>[];
  categories: readonly Readonly<{ id: string; group_id: string; rollover: Rollover; hidden: boolean }>[];
  plans: readonly Readonly<{ category_id: string; month: number; planned: number }>[];
  /** `category_id` null: uncategorised. */
  transactions: readonly Readonly<{
    category_id: string | null;
    month: number;
    amount: number;
    deleted: boolean;
  }>[];
  holds: ReadonlyMap<number, number>;
}>;

type CategoryFigures = { id: string; planned: number; activity: number; carry_in: number; balance: number };
type GroupFigures = {
  id: string;
  target_amount: number;
  planned: number;
  activity: number;
  spent: number;
  remaining: number;
  balance: number;
  categories: CategoryFigures[];
};
/** A month in the figures of its answer. */
export type MonthFigures = {
  income: number;
  planned: number;
  activity: number;
  balance: number;
  uncategorized: number;
  held: number;
  last_month_overspent: number;
  available_funds: number | null;
  to_budget: number | null;
  groups: GroupFigures[];
  proof: { cash: number; parts: number } | null;
};

const sum = (amounts: readonly number[]): number => amounts.reduce((total, amount) => total + amount, 0);

/** Rule 2 of the specification: what of a balance the next month begins with. */
function carriedInto(planned: number, balance: number, rollover: Rollover): number {
  if (rollover === "carry_all") return balance;
  if (rollover === "carry_floor") return planned + balance <= 0 ? 0 : balance;
  return rollover === "carry_surplus" && balance > 0 ? balance : 0;
}

/**
 * A month of a budget by the rules of the specification, one category and one month after the other, from all rows each time:
 * slow, and in nothing like the statement that it is compared with.
 */
export function monthOf(world: BudgetWorld, month: number): MonthFigures {
  const { mode, groups, categories } = world;
  const groupOf = (id: string) => groups.find((group) => group.id === id);
  const counts = ({ hidden, group_id }: BudgetWorld["categories"][number]): boolean =>
    mode === "envelope" || !(hidden || groupOf(group_id)?.hidden === true);
  const counted = categories.filter(counts);
  const ofIncome = new Set(
    counted.filter(({ group_id }) => groupOf(group_id)?.is_income).map(({ id }) => id),
  );
  const spending = counted.filter(({ id }) => !ofIncome.has(id));
  const live = world.transactions.filter(({ deleted }) => !deleted);
  const planIn = (id: string, at: number): number =>
    sum(
      world.plans
        .filter((plan) => plan.category_id === id && plan.month === at)
        .map(({ planned }) => planned),
    );
  const activityIn = (id: string | null, at: number): number =>
    sum(live.filter((paid) => paid.category_id === id && paid.month === at).map(({ amount }) => amount));
  const incomeIn = (at: number): number => sum([...ofIncome].map((id) => activityIn(id, at)));
  const plannedIn = (at: number): number => sum(spending.map(({ id }) => planIn(id, at)));
  const past = Array.from({ length: month + 1 }, (_, at) => at);

  let released = 0;
  let overspent = 0;
  const walked = spending.map(({ id, group_id, rollover }) => {
    let figures: CategoryFigures = { id, planned: 0, activity: 0, carry_in: 0, balance: 0 };
    for (const at of past) {
      const [planned, activity, last] = [planIn(id, at), activityIn(id, at), figures.balance];
      const carry_in = mode === "tracking" ? 0 : carriedInto(planned, last, rollover);
      released += last - carry_in;
      if (at === month) overspent += Math.min(0, last - carry_in);
      figures = { id, planned, activity, carry_in, balance: planned + activity + carry_in };
    }
    return { group_id, figures };
  });
  const left = sum(past.map((at) => incomeIn(at) - plannedIn(at))) + released;
  const balance = sum(walked.map(({ figures }) => figures.balance));
  const held = mode === "tracking" ? 0 : (world.holds.get(month) ?? autoHeld(left, shortfallAfter(month)));
  const unsorted = sum(past.map((at) => activityIn(null, at)));
  const planned = plannedIn(month);
  const income = incomeIn(month);
  const cash = sum(live.filter((paid) => paid.month <= month).map(({ amount }) => amount));
  const envelope = mode === "envelope";
  return {
    income,
    planned,
    activity: sum(walked.map(({ figures }) => figures.activity)),
    balance,
    uncategorized: activityIn(null, month),
    held,
    last_month_overspent: envelope ? overspent : 0,
    available_funds: envelope ? left + planned - overspent : null,
    to_budget: envelope ? left - held : null,
    groups: groupsOf(),
    proof: envelope ? { cash, parts: left - held + held + balance + unsorted } : null,
  };

  /** The largest cumulative shortfall of the later months. */
  function shortfallAfter(now: number): number {
    const last = Math.max(now, ...world.plans.map((plan) => plan.month), ...live.map((paid) => paid.month));
    let [short, worst] = [0, 0];
    for (let at = now + 1; at <= last; at += 1) {
      short += plannedIn(at) - incomeIn(at);
      worst = Math.max(worst, short);
    }
    return worst;
  }

  function groupsOf(): GroupFigures[] {
    const shown = groups.filter(({ is_income, hidden }) => !is_income && (envelope || !hidden));
    const targets = sharesOf(
      Math.max(0, income),
      shown.map(({ target_bps }) => target_bps),
    );
    return shown.map(({ id }, place) => {
      const of = walked.filter(({ group_id }) => group_id === id).map(({ figures }) => figures);
      const [plan, activity] = [sum(of.map((row) => row.planned)), sum(of.map((row) => row.activity))];
      return {
        id,
        target_amount: targets[place] ?? 0,
        planned: plan,
        activity,
        spent: 0 - activity,
        remaining: plan + activity,
        balance: sum(of.map((row) => row.balance)),
        categories: of,
      };
    });
  }
}

/** Rule 4: what is left, at most what the later months lack. */
const autoHeld = (left: number, lacking: number): number => Math.max(0, Math.min(left, lacking));

/** Rule 9: shares rounded down, and the units that are left one by one to the first that have a share. */
export function sharesOf(amount: number, bps: readonly number[]): number[] {
  const shares = bps.map((part) => Math.floor((amount * part) / 10_000));
  let rest = Math.floor((amount * sum(bps)) / 10_000) - sum(shares);
  return shares.map((share, place) => {
    if (rest === 0 || bps[place] === 0) return share;
    rest -= 1;
    return share + 1;
  });
}
