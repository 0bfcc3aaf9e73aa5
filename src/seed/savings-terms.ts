import type { Business } from "./business.ts";
import { idAt } from "./ids.ts";
import { addMonths, type DayNumber } from "./local-time.ts";
import type { Rows } from "./rows.ts";

/** What accounts take with them from their product, in the words of its columns. Minor units. */
export type Terms = Readonly<{
  period_days: 1 | 7;
  cycle_markings: number;
  calendar_month: boolean;
  flexible_amount: boolean;
  commission_rule: "none" | "one_marking_per_cycle" | "average_marking" | "percent" | "flat_per_cycle";
  commission_bps: number;
  commission_flat: number;
  commission_cap: number | null;
  early_fee_bps: number;
  early_fee_months: number;
  auto_renew: boolean;
}>;

export type Product = Terms & Readonly<{ id: string; cycles: number; share: number }>;

/** The same for every product. */
export const commonTerms = {
  min_marking_amount: 10_000,
  max_marking_amount: 5_000_000,
  agent_share_bps: 6_000,
  parent_share_bps: 2_500,
  min_markings_before_payment: 2,
  backdate_days: 3,
} as const;

const plain: Terms = {
  period_days: 1,
  cycle_markings: 31,
  calendar_month: false,
  flexible_amount: false,
  commission_rule: "one_marking_per_cycle",
  commission_bps: 0,
  commission_flat: 0,
  commission_cap: null,
  early_fee_bps: 0,
  early_fee_months: 0,
  auto_renew: false,
};

/** `share`: of the accounts that are opened; `cycles`: for how many they are, at most. One of each kind, rule and calendar. */
const offers = [
  { name: "Daily 31", kind: "daily", share: 0.5, cycles: 2, terms: plain },
  { name: "Month by month", kind: "daily", share: 0.2, cycles: 3, terms: { ...plain, calendar_month: true } },
  {
    name: "What the day brings",
    kind: "daily",
    share: 0.1,
    cycles: 1,
    terms: {
      ...plain,
      cycle_markings: 30,
      flexible_amount: true,
      auto_renew: true,
      commission_rule: "average_marking",
    },
  },
  {
    name: "Weekly",
    kind: "weekly",
    share: 0.12,
    cycles: 1,
    terms: {
      ...plain,
      period_days: 7,
      cycle_markings: 5,
      commission_rule: "percent",
      commission_bps: 250,
      commission_cap: 200_000,
    },
  },
  {
    name: "Target 40",
    kind: "target",
    share: 0.05,
    cycles: 1,
    terms: {
      ...plain,
      cycle_markings: 40,
      commission_rule: "flat_per_cycle",
      commission_flat: 15_000,
      early_fee_bps: 300,
      early_fee_months: 2,
    },
  },
  {
    name: "Family, free of charge",
    kind: "daily",
    share: 0.03,
    cycles: 1,
    terms: { ...plain, cycle_markings: 30, commission_rule: "none" },
  },
  {
    name: "Daily 30 (closed)",
    kind: "daily",
    share: 0,
    cycles: 1,
    terms: { ...plain, cycle_markings: 30 },
  },
] as const satisfies readonly {
  name: string;
  kind: "daily" | "weekly" | "target";
  share: number;
  cycles: number;
  terms: Terms;
}[];

/** Writes the products of a business. One is offered no longer, and has no accounts. */
export function writeProducts(
  rows: Rows,
  { id: business_id, plan, stamps }: Business,
  at_ms: number,
): Product[] {
  return offers.map(({ name, kind, share, cycles, terms }) => {
    const id = idAt(at_ms, plan.savings.random);
    rows.add("savings.products", [
      business_id,
      id,
      name,
      kind,
      plan.currency,
      terms.period_days,
      terms.cycle_markings,
      terms.calendar_month,
      terms.flexible_amount,
      commonTerms.min_marking_amount,
      commonTerms.max_marking_amount,
      terms.commission_rule,
      terms.commission_bps,
      terms.commission_flat,
      terms.commission_cap,
      commonTerms.agent_share_bps,
      commonTerms.parent_share_bps,
      terms.early_fee_bps,
      terms.early_fee_months,
      commonTerms.min_markings_before_payment,
      commonTerms.backdate_days,
      terms.auto_renew,
      share > 0,
      ...stamps,
    ]);
    return { ...terms, id, cycles, share };
  });
}

/** As savings.slots_of of 0025. */
export const slotsOf = (terms: Terms, starts_day: DayNumber, cycles: number): number =>
  terms.calendar_month ? addMonths(starts_day, cycles) - starts_day : terms.cycle_markings * cycles;

/** What is settled of an account. */
type Filled = Readonly<{
  product: Terms;
  starts_day: DayNumber;
  cycles: number;
  paid: number;
  marking_amount: number;
  collected: number;
}>;

export type Settled = Readonly<{ gross: number; commission: number; fees: number; net: number }>;

/** As savings.settlement of 0025. Minor units. */
export function settle(account: Filled, day: DayNumber): Settled {
  const { product, starts_day, collected, paid } = account;
  const reached = cyclesReached(account);
  const byRule = {
    none: 0,
    one_marking_per_cycle: account.marking_amount * reached,
    average_marking: Math.floor(collected / Math.max(paid, 1)) * reached,
    percent: Math.floor((collected * product.commission_bps) / 10_000),
    flat_per_cycle: product.commission_flat * reached,
  }[product.commission_rule];
  const cap = product.commission_cap === null ? Infinity : product.commission_cap * reached;
  const commission = Math.min(byRule, cap);
  const isEarly = day < addMonths(starts_day, product.early_fee_months);
  const fees = isEarly ? Math.floor((collected * product.early_fee_bps) / 10_000) : 0;
  return { gross: collected, commission, fees, net: collected - commission - fees };
}

/** As savings.cycles_reached of 0025. */
function cyclesReached({ product, starts_day, cycles, paid }: Filled): number {
  if (!product.calendar_month) return Math.ceil(paid / product.cycle_markings);
  let reached = 0;
  while (reached < cycles && slotsOf(product, starts_day, reached) < paid) reached++;
  return reached;
}
