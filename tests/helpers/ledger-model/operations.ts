import { between, pick } from "../../cache/chaos/random.ts";
import {
  type Account,
  type LedgerModel,
  type Line,
  mirrored,
  type Operation,
  type Posting,
  type Use,
} from "./model.ts";

type Random = () => number;

/** The accounts of an episode, in two currencies: with and without floor, ceiling and shards. */
export function accountsOf(random: Random, newId: () => string): Account[] {
  const plain = { shards: 1, overdraft: null, ceiling: null };
  const asset = { kind: "asset", normal: "debit" } as const;
  const liability = { kind: "liability", normal: "credit" } as const;
  return ["NGN", "USD"].flatMap((currency) => {
    const named = (code: string, rest: Omit<Account, "id" | "code" | "currency">): Account => ({
      id: newId(),
      code: `${code}:${currency.toLowerCase()}`,
      currency,
      ...rest,
    });
    return [
      named("world", { ...plain, ...asset, shards: pick(random, [1, 4, 16]) }),
      named("clearing", { ...plain, ...liability, shards: pick(random, [1, 3]) }),
      named("fees", { ...plain, kind: "income", normal: "credit" }),
      named("till", { ...plain, ...asset, overdraft: 0, ceiling: between(random, 50, 400) }),
      named("saver", { ...plain, ...liability, overdraft: 0 }),
      named("spender", { ...plain, ...liability, overdraft: 0 }),
      named("borrower", { ...plain, ...liability, overdraft: between(random, 1, 200) }),
      named("capped", { ...plain, ...liability, overdraft: 0, ceiling: between(random, 50, 400) }),
    ];
  });
}

/** Draws operations that fit what the model has by now, and some that do not. */
export class OperationDraw {
  readonly #random: Random;
  readonly #newId: () => string;
  readonly #accounts: readonly Account[];

  constructor(random: Random, newId: () => string, accounts: readonly Account[]) {
    this.#random = random;
    this.#newId = newId;
    this.#accounts = accounts;
  }

  /** What is handed over together: postings alone, or one operation of another kind. */
  batch(model: LedgerModel, most: number): Operation[] {
    const chance = this.#random();
    if (chance < 0.3) return [this.#resolve(model)];
    if (chance < 0.42) return [this.#status()];
    if (chance < 0.47)
      return [{ do: "reverse", id: this.#newId(), transaction_id: this.#anyTransaction(model) }];
    return Array.from({ length: between(this.#random, 1, most) }, () => ({
      do: "post" as const,
      ...(this.#random() < 0.06 ? this.#reversal(model) : this.#posting()),
    }));
  }

  #posting(): Posting {
    const isHold = this.#random() < 0.35;
    const lines = this.#lines();
    return {
      id: this.#newId(),
      phase: isHold ? "pending" : "single",
      lines,
      reference: this.#random() < 0.15 ? `R${between(this.#random, 1, 12)}` : null,
      expires: isHold && this.#random() < 0.3 ? pick(this.#random, ["past", "later"] as const) : null,
      limits: this.#random() < 0.25 ? this.#limits(lines) : [],
      reverses_id: null,
      is_backdated: this.#random() < 0.1,
    };
  }

  #lines(): Line[] {
    const chance = this.#random();
    if (chance < 0.06) return this.#wrong();
    const currency = pick(this.#random, ["NGN", "USD"]);
    if (chance < 0.75) return this.#transfer(currency);
    if (chance < 0.9) return this.#spread(currency);
    return [...this.#spread("NGN"), ...this.#transfer("USD")];
  }

  #transfer(currency: string): Line[] {
    const amount = between(this.#random, 1, 80);
    const from = this.#account(currency);
    const to = pick(
      this.#random,
      this.#accounts.filter((account) => account.currency === currency && account.id !== from.id),
    );
    return [
      { account_id: from.id, side: "debit", amount },
      { account_id: to.id, side: "credit", amount },
    ];
  }

  /** Several transfers as one transaction: accounts come more than once, money passes through. */
  #spread(currency: string): Line[] {
    const transfers = Array.from({ length: between(this.#random, 1, 3) }, () => this.#transfer(currency));
    const lines = transfers.flat();
    return this.#random() < 0.5 ? lines : lines.toReversed();
  }

  #wrong(): Line[] {
    const [debit, credit] = this.#transfer("NGN") as [Line, Line];
    return pick<() => Line[]>(this.#random, [
      () => [debit],
      () => [],
      () => [debit, { ...credit, amount: credit.amount + 1 }],
      () => [
        { ...debit, amount: 0 },
        { ...credit, amount: 0 },
      ],
      () => [
        { ...debit, amount: -5 },
        { ...credit, amount: -5 },
      ],
      () => [debit, { ...credit, account_id: this.#newId() }],
      () => [debit, { ...credit, account_id: this.#account("USD").id }],
    ])();
  }

  /** Windows of the first account that is debited; a cap belongs to its account and window. */
  #limits(lines: readonly Line[]): Use[] {
    const line = lines.find(({ side }) => side === "debit");
    const place = this.#accounts.findIndex(({ id }) => id === line?.account_id);
    // One row holds what was used: an account with shards has no limits.
    if (line === undefined || line.amount <= 0 || this.#accounts[place]?.shards !== 1) return [];
    const { account_id, amount } = line;
    const day: Use = {
      account_id,
      amount,
      window: "day",
      start: pick(this.#random, ["2026-01-01", "2026-01-02"]),
      cap: 90 + 20 * place,
    };
    const month: Use = { account_id, amount, window: "month", start: "2026-01-01", cap: 150 + 30 * place };
    return pick(this.#random, [[day], [day, month], [month]]);
  }

  #reversal(model: LedgerModel): Posting {
    const posted = [...model.transactions.values()].filter(
      ({ phase, is_reversal }) => !is_reversal && (phase === "single" || phase === "post"),
    );
    if (posted.length === 0) return this.#posting();
    const { id, lines } = pick(this.#random, posted);
    const plain = { phase: "single", reference: null, expires: null, limits: [] } as const;
    return { ...plain, id: this.#newId(), lines: mirrored(lines), reverses_id: id };
  }

  #resolve(model: LedgerModel): Operation {
    const holds = [...model.transactions.values()].filter(({ phase }) => phase === "pending");
    const open = holds.filter(({ is_resolved }) => !is_resolved);
    const among = open.length > 0 && this.#random() < 0.9 ? open : holds;
    const hold = among.length > 0 && this.#random() < 0.97 ? pick(this.#random, among) : null;
    const phase = pick(this.#random, ["post", "post", "post", "void", "void", "expire"] as const);
    const isPartial = this.#random() < (phase === "post" ? 0.4 : 0.05);
    return {
      do: "resolve",
      id: this.#newId(),
      pending_id: hold?.id ?? this.#anyTransaction(model),
      phase,
      amount: isPartial ? between(this.#random, 0, (hold?.lines[0]?.amount ?? 1) + 1) : null,
    };
  }

  #status(): Operation {
    const status = pick(this.#random, ["open", "open", "frozen", "closed"] as const);
    return { do: "status", account_id: pick(this.#random, this.#accounts).id, status };
  }

  #anyTransaction(model: LedgerModel): string {
    const ids = [...model.transactions.keys()];
    return ids.length === 0 || this.#random() < 0.05 ? this.#newId() : pick(this.#random, ids);
  }

  #account = (currency: string): Account =>
    pick(
      this.#random,
      this.#accounts.filter((account) => account.currency === currency),
    );
}
