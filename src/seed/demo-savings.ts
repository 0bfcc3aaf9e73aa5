import type { SavingsPlan } from "./plan.ts";
import { Random } from "./random.ts";

/** Amounts in kobo. Another stream than those of shop and bank: none changes with another. */
export const demoSavings = (seed: number): SavingsPlan => ({
  markings: 1_900,
  days: 80,
  agents: 5,
  savers: 60,
  cash_ceiling: 50_000_000,
  // every state that there is
  stays: {
    days: 3,
    remittances: ["submitted", "disputed", "confirmed", "open"],
    request_days: 16,
    requests: ["failed", "paying", "approved", "pending"],
  },
  random: new Random(seed, 2),
});
