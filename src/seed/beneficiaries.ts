import type { Account } from "./accounts.ts";
import type { Business } from "./business.ts";
import { idAt } from "./ids.ts";
import { instantText } from "./local-time.ts";
import type { Random } from "./random.ts";
import type { Rows } from "./rows.ts";
import { correspondents, firstNames, lastNames, trades, watchedNames } from "./vocabulary.ts";

/** A beneficiary as a wire sees it. `hit`: what the screening of its name finds, JSON; null: nothing. */
export type Payee = Readonly<{
  id: string;
  name: string;
  bank_name: string;
  bic: string | null;
  iban_or_account: string;
  country: string;
  hit: string | null;
}>;

/** The names of the watchlist, and the beneficiaries of customers: one for each who has sent a wire. */
export class BeneficiaryWriter {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #random: Random;
  readonly #payees = new Map<string, Payee>();
  readonly #watched: { id: string; name: string }[] = [];

  constructor(rows: Rows, business: Business) {
    this.#rows = rows;
    this.#business = business;
    this.#random = business.plan.bank.random;
  }

  writeWatchlist(begin_ms: number): void {
    for (const name of watchedNames) {
      const id = idAt(begin_ms, this.#random);
      this.#watched.push({ id, name });
      this.#rows.add("bank.watchlist", [this.#business.id, id, name, watchlist, ...this.#business.stamps]);
    }
  }

  /** The beneficiary of a customer's wires; a watched one is made anew. */
  payeeOf(account: Account, made: { at_ms: number; by: string | null; is_watched: boolean }): Payee {
    const { customer_id } = account;
    const known = made.is_watched ? undefined : this.#payees.get(customer_id);
    if (known !== undefined) return known;
    const payee = this.#draw(made);
    if (!made.is_watched) this.#payees.set(customer_id, payee);
    const at = instantText(made.at_ms);
    this.#rows.add("bank.beneficiaries", [
      this.#business.id,
      payee.id,
      customer_id,
      payee.name,
      payee.bank_name,
      payee.bic,
      payee.iban_or_account,
      payee.country,
      at,
      at,
      made.by,
      made.by,
    ]);
    return payee;
  }

  #draw({ at_ms, is_watched }: { at_ms: number; is_watched: boolean }): Payee {
    const random = this.#random;
    const { bank, bic, country, iban } = random.pick(correspondents);
    const digits = Array.from({ length: 3 }, () => String(random.between(10_000_000, 99_999_999))).join("");
    const watched = is_watched ? random.pick(this.#watched) : null;
    const last = random.pick(lastNames);
    const hit = watched && { watchlist_id: watched.id, name: watched.name, source: watchlist, score: 1 };
    return {
      id: idAt(at_ms, random),
      // with one word more than the list has: that hides nothing from the screening
      name: watched
        ? `${random.pick(firstNames)} ${watched.name}`
        : random.chance(0.5)
          ? `${last} ${random.pick(trades)}`
          : `${random.pick(firstNames)} ${last}`,
      bank_name: bank,
      bic,
      iban_or_account:
        iban === null ? digits.slice(0, 10) : ibanOf(country, iban.bank + digits.slice(0, iban.digits)),
      country,
      hit: hit && JSON.stringify([hit]),
    };
  }
}

const watchlist = "Central bank";

/** As a wire keeps it (bank.make_wire of 0018), JSON. */
export const snapshotOf = ({ name, bank_name, bic, iban_or_account, country }: Payee): string =>
  JSON.stringify({ name, bank_name, bic, iban_or_account, country, address: {}, version: 1 });

/** With its check digits: ISO 7064 MOD 97-10 over the account, the country and two zeros, letters read as 10 to 35. */
function ibanOf(country: string, account: string): string {
  const number = [...`${account}${country}00`].map((sign) => Number.parseInt(sign, 36)).join("");
  return `${country}${String(98n - (BigInt(number) % 97n)).padStart(2, "0")}${account}`;
}
