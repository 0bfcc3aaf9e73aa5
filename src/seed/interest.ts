import { type Account, monthOf } from "./accounts.ts";
import { posted } from "./books.ts";
import type { Business } from "./business.ts";
import type { WorkingDay } from "./calendar.ts";
import { localDay } from "./local-time.ts";
import type { TransferWriter } from "./transfers.ts";

/** What interest units are divided by: basis points of a year of 365 days (bank.interest_divisor of 0021). */
const divisor = 10_000n * 365n;

/**
 * Pays interest for the months of the history but the last one that is over: that is left to the server, which begins
 * with it.
 */
export class Interest {
  readonly isPaid: boolean;
  readonly #accounts: readonly Account[];
  readonly #transfers: TransferWriter;
  readonly #thisMonth: string;

  constructor({ plan }: Business, accounts: readonly Account[], transfers: TransferWriter) {
    this.#accounts = accounts.filter(({ interest_bps, overdraft_bps }) => interest_bps + overdraft_bps > 0);
    this.isPaid = this.#accounts.length > 0;
    this.#transfers = transfers;
    this.#thisMonth = monthOf(localDay(plan.until_ms, plan.timezone));
  }

  /** At the midnight with which a day begins: what the day before has earned, and the month before, if it is over. */
  endDay({ day }: WorkingDay, midnight_ms: number): void {
    for (const account of this.#accounts) {
      const balance = posted(account);
      account.interest_units += balance * (balance >= 0 ? account.interest_bps : account.overdraft_bps);
    }
    const period = monthOf(day - 1);
    if (period === monthOf(day)) return;
    for (const account of this.#accounts) {
      const amount = halfEven(BigInt(account.interest_units));
      account.interest_units = 0;
      const isOpen =
        account.closed_ms === null && (account.fate !== "freezes" || midnight_ms < account.ends_ms);
      if (amount === 0 || !isOpen || monthOf(day) === this.#thisMonth) continue;
      this.#transfers.write({
        kind: "interest",
        from: amount < 0 ? account : null,
        to: amount > 0 ? account : null,
        amount: Math.abs(amount),
        at_ms: midnight_ms,
        by: null,
        reference: `interest:${account.account_id}:${period}`,
        description: `Interest ${period}`,
      });
    }
  }
}

/** To whole minor units, half to even. */
function halfEven(units: bigint): number {
  const size = units < 0n ? -units : units;
  const whole = size / divisor;
  const rest = 2n * (size % divisor);
  const amount = Number(rest > divisor || (rest === divisor && whole % 2n === 1n) ? whole + 1n : whole);
  return units < 0n ? -amount : amount;
}
