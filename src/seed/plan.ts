import { Random } from "./random.ts";

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
  random: Random;
}>;

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

/** The businesses of a scale, SCALE1 to SCALE8, whose jobs add up to `jobs` exactly. */
export function planScale(options: { jobs: number; seed: number; until_ms: number }): BusinessPlan[] {
  const { jobs, seed, until_ms } = options;
  const weights = places.map((_, index) => (index === 0 ? 0 : 2 ** -index));
  const rest = jobs - Math.round(jobs * firstShare);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = weights.map((weight) => Math.floor((rest * weight) / total));
  counts[0] = jobs - counts.reduce((sum, count) => sum + count, 0);
  return places.map((place, index) => {
    const own = counts[index] ?? 0;
    return {
      ...place,
      code: `SCALE${index + 1}`,
      login_domain: "scale.test",
      login_suffix: `scale${index + 1}`,
      phone_prefix: `+9990${String(index).padStart(2, "0")}`,
      jobs: own,
      customers: Math.max(20, Math.round(own / 10)),
      operators: Math.min(400, Math.max(6, Math.round(own / 2_500))),
      machines: Math.min(240, Math.max(8, Math.round(own / 4_000))),
      days: 1096,
      until_ms,
      steps: jobs > scales["1m"] ? "recent" : "all",
      details: jobs >= scales["1m"] ? "recent" : "all",
      recent_days: 92,
      random: new Random(seed, index + 1),
    };
  });
}
