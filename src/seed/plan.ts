import type { PaymentRequestStatus, RemittanceStatus } from "../platform/enums.ts";
import { Random } from "./random.ts";
import type { MachineState } from "./shop-words.ts";

/** What a business may have, in the order in which businesses list it. */
export const allModules = ["savings", "bank", "budget", "shop"] as const;
export type Module = (typeof allModules)[number];

/** What a seeded business looks like. Everything in it follows from this and from the random stream, nothing from the clock. */
export type BusinessPlan = Readonly<{
  code: string;
  name: string;
  timezone: string;
  currency: string;
  /** Logins are `<role>@<domain>`, or with `login_suffix` `<role>.<suffix>@<domain>`. */
  login_domain: string;
  login_suffix: string | null;
  /** Seven digits that no other seeded business uses: users' phones begin with them. */
  phone_prefix: string;
  modules: readonly Module[];
  customers: number;
  operators: number;
  machines: number;
  jobs: number;
  /** Length of the business's history. */
  days: number;
  /** Now, as far as the data go: nothing happened later. Milliseconds since 1970. */
  until_ms: number;
  /** Which jobs have steps at all: every job, or open ones and those of the last `recent_days`. */
  steps: "all" | "recent";
  /** Which jobs have dependencies, time logs and production reports. */
  details: "all" | "recent";
  recent_days: number;
  /** Of the machines beyond the first of each type; what is left out is drawn. */
  machine_states: readonly MachineState[];
  /** Slots of 40 minutes that the longest step takes. */
  step_slots: number;
  /** Share of the jobs that are made within hours of their order, so that only the others are open work. */
  quick_share: number;
  /** The first operator has this share of all steps, before the rest is dealt out. */
  focus: number;
  /** Whether people are told what happens. */
  notices: boolean;
  random: Random;
  bank: BankPlan;
  savings: SavingsPlan;
  budget: BudgetPlan;
}>;

/** What the budgets of its people look like: one for each role. */
export type BudgetPlan = Readonly<{
  /** Beside those that come on a fixed day of each month; 0: nobody has a budget. */
  transactions: number;
  /** The owner's budget has this share of them. */
  main_share: number;
  random: Random;
}>;

/** What its savings look like. */
export type SavingsPlan = Readonly<{
  /** Slots that are paid, about. */
  markings: number;
  /** Over how many days, until now, they lie: as many as those of the bank, or fewer. */
  days: number;
  /** Half of them are sub-agents. */
  agents: number;
  /** How many customers save; they are spread over all of them. */
  savers: number;
  /** What an agent may hold, minor units. */
  cash_ceiling: number | null;
  /** Where the last days are left; null: wherever time has brought them. */
  stays: SavingsStays | null;
  random: Random;
}>;

export type SavingsStays = Readonly<{
  /** How many days before the last one cash and expenses stay: remittances one after the other, expenses undecided. */
  days: number;
  remittances: readonly RemittanceStatus[];
  /** Of how many days the first requests stay as they are named. */
  request_days: number;
  requests: readonly PaymentRequestStatus[];
}>;

/** What its bank looks like. Accounts belong to customers that are spread over all of them. */
export type BankPlan = Readonly<{
  accounts: number;
  transfers: number;
  /** Over how many days, until now, transfers lie; accounts that were opened before begin with an opening balance. */
  days: number;
  /** Accounts that nobody has moved for so long are dormant. */
  dormant_days: number;
  /** Of savings accounts, and of what an account is overdrawn by; at 0 there is no interest. */
  interest_bps: number;
  overdraft_bps: number;
  /** Which accounts, by place, are in another currency, and what one unit of it is worth. */
  foreign: Readonly<{ currency: string; rate: number; accounts: readonly number[] }>;
  /** Beside those that are drawn. */
  wires: readonly WirePlan[];
  /** Which share of transfers are wires. */
  wire_share: number;
  /** Values of settings, by key. */
  settings: Readonly<Record<string, unknown>>;
  random: Random;
}>;

/** A wire that is made so many days ago and has gone the way of its story, at most until it came to `stays`. */
export type WirePlan = Readonly<{
  days_ago: number;
  story: WireStory;
  stays?: string;
  /** By place; default: any that may. */
  account?: number;
  /** Its beneficiary is on the watchlist. */
  is_watched?: boolean;
  is_foreign?: boolean;
}>;

export type WireStory = "waved" | "reviewed" | "held" | "returned" | "rejected" | "cancelled";

/** What the fee of a wire comes to and from when on compliance looks at it, in minor units of any currency. */
export const wireRules = {
  fee: { base: 95_000, bps: 5, foreign: 1_500_000, cap: 5_000_000, refund_on_return: false },
  verification_threshold: 100_000_000,
} as const;

const places = [
  { name: "Harbour Works", timezone: "Africa/Lagos", currency: "NGN" },
  { name: "Hudson Fabrication", timezone: "America/New_York", currency: "USD" },
  { name: "Deccan Tools", timezone: "Asia/Kolkata", currency: "INR" },
  { name: "Ege Baskı", timezone: "Europe/Istanbul", currency: "TRY" },
  { name: "Osaka Garments", timezone: "Asia/Tokyo", currency: "JPY" },
  { name: "Volta Printing", timezone: "Africa/Accra", currency: "GHS" },
  { name: "Weser Metall", timezone: "Europe/Berlin", currency: "EUR" },
  { name: "Pacific Signs", timezone: "America/Los_Angeles", currency: "USD" },
] as const;

/** The first business owns this share of the jobs; the others share the rest, each about half as much as the one before. */
const firstShare = 0.7;

export const scales = { "10k": 10_000, "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000 } as const;
export type Scale = keyof typeof scales;

/** What a shop has to do at any one time is that of as many jobs, however many it has done: more of them are quick ones. */
const slow_jobs_most = 10_000;

/** The businesses of a scale, SCALE1 to SCALE8, whose jobs add up to `jobs` exactly; default: to those of the scale. */
export function planScale(options: {
  scale: Scale;
  jobs?: number | undefined;
  slow_jobs?: number | undefined;
  seed: number;
  until_ms: number;
  modules?: readonly Module[] | undefined;
}): BusinessPlan[] {
  const { scale, seed, until_ms, modules = allModules } = options;
  const jobs = options.jobs ?? scales[scale];
  const weights = places.map((_, index) => (index === 0 ? 0 : 2 ** -index));
  const rest = jobs - Math.round(jobs * firstShare);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = weights.map((weight) => Math.floor((rest * weight) / total));
  counts[0] = jobs - counts.reduce((sum, count) => sum + count, 0);
  const slow_share = Math.min(1, (options.slow_jobs ?? slow_jobs_most) / jobs);
  return places.map((place, index) => {
    const own = counts[index] ?? 0;
    return {
      ...place,
      code: `SCALE${index + 1}`,
      modules,
      login_domain: "scale.test",
      login_suffix: `scale${index + 1}`,
      phone_prefix: `+9990${String(index).padStart(2, "0")}`,
      jobs: own,
      customers: Math.max(20, Math.round(own / 10)),
      operators: Math.max(6, Math.round((own * slow_share) / 150)),
      machines: Math.max(8, Math.round((own * slow_share) / 250)),
      days: 1096,
      until_ms,
      steps: scale === "10m" ? "recent" : "all",
      details: scale === "1m" || scale === "10m" ? "recent" : "all",
      recent_days: 92,
      machine_states: [],
      step_slots: 1,
      quick_share: 1 - slow_share,
      focus: 0,
      notices: false,
      random: new Random(seed, index + 1),
      bank: planScaleBank({ scale, own, random: new Random(seed, 1001 + index) }),
      savings: planScaleSavings({
        scale,
        own: modules.includes("savings") ? own : 0,
        random: new Random(seed, 2001 + index),
      }),
      budget: {
        transactions: modules.includes("budget") ? Math.round(own * (scale === "10m" ? 0.04 : 0.4)) : 0,
        main_share: 0.75,
        random: new Random(seed, 3001 + index),
      },
    };
  });
}

/**
 * One account for forty jobs, one transfer for two. At `10m` the transfers of the last months alone, fewer of them, on top
 * of opening balances. No account bears interest: a server that starts on it would begin with posting that.
 */
function planScaleBank({ scale, own, random }: { scale: Scale; own: number; random: Random }): BankPlan {
  const isLong = scale !== "10m";
  return {
    accounts: Math.max(20, Math.round(own / 40)),
    transfers: Math.round(own / (isLong ? 2 : 5)),
    days: isLong ? 1096 : 92,
    dormant_days: 365,
    interest_bps: 0,
    overdraft_bps: 0,
    foreign: { currency: "USD", rate: 1, accounts: [] },
    wires: [],
    wire_share: 0.015,
    settings: {
      "bank.wire_fee": wireRules.fee,
      "bank.verification_threshold": wireRules.verification_threshold,
    },
    random,
  };
}

/** As many markings as jobs; at `10m` those of the last months alone. An account has some thirty, an agent 200 accounts. */
function planScaleSavings({
  scale,
  own,
  random,
}: {
  scale: Scale;
  own: number;
  random: Random;
}): SavingsPlan {
  const isLong = scale !== "10m";
  const markings = Math.round(own / (isLong ? 1 : 5));
  const accounts = Math.ceil(markings / 30);
  return {
    markings,
    days: isLong ? 1096 : 92,
    agents: Math.min(400, Math.max(2, Math.round(accounts / 200))),
    savers: Math.max(12, Math.round(accounts / 3)),
    cash_ceiling: null,
    stays: null,
    random,
  };
}
