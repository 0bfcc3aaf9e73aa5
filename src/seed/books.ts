import type { Business } from "./business.ts";
import { idAt } from "./ids.ts";
import { instantText } from "./local-time.ts";
import type { Rows } from "./rows.ts";
import type { Random } from "./random.ts";

export type Side = "debit" | "credit";
type Phase = "single" | "pending" | "post" | "void";

/** A balance row of the ledger, as it is after the last entry that was written. Minor units. */
export type Balance = {
  readonly account_id: string;
  readonly shard: number;
  /** Sharded accounts keep no running balance. */
  readonly is_sharded: boolean;
  readonly currency: string;
  readonly normal_side: Side;
  posted_debit: number;
  posted_credit: number;
  pending_debit: number;
  pending_credit: number;
  /** Transactions that moved it. */
  version: number;
  updated_ms: number;
};

export const newBalance = (of: {
  account_id: string;
  currency: string;
  normal_side: Side;
  shard?: number;
  is_sharded?: boolean;
}): Balance => ({
  account_id: of.account_id,
  shard: of.shard ?? 0,
  is_sharded: of.is_sharded ?? false,
  currency: of.currency,
  normal_side: of.normal_side,
  posted_debit: 0,
  posted_credit: 0,
  pending_debit: 0,
  pending_credit: 0,
  version: 0,
  updated_ms: 0,
});

/** What is posted, in the account's normal sense. */
export const posted = (balance: Balance): number =>
  balance.normal_side === "credit"
    ? balance.posted_credit - balance.posted_debit
    : balance.posted_debit - balance.posted_credit;

/** What an account has used of a limit in a window. */
export type Usage = Readonly<{ window: "day" | "month" | "wire_day"; start: string; amount: number }>;

type BalanceFacts = Readonly<{
  overdraft_limit: number | null;
  max_balance?: number | null;
  is_open: boolean;
  used?: readonly Usage[];
}>;

/** A row of ledger.accounts, as it is from the beginning to the end. */
export type LedgerAccount = Readonly<{
  account_id: string;
  code: string;
  kind: "asset" | "liability" | "income" | "expense" | "equity";
  currency: string;
  owner?: readonly [type: string, id: string];
  shards?: number;
  at_ms: number;
  by?: string | null;
}>;

export type Line = Readonly<{ balance: Balance; side: Side; amount: number }>;

export const line = (balance: Balance, side: Side, amount: number): Line => ({ balance, side, amount });

/** The same on the other side. */
export const mirror = (lines: readonly Line[]): Line[] =>
  lines.map(({ balance, side, amount }) => line(balance, side === "debit" ? "credit" : "debit", amount));

export type Posting = Readonly<{
  id: string;
  kind: string;
  at_ms: number;
  /** The user who asked; null: nobody did. */
  by: string | null;
  phase?: Phase;
  pending_id?: string;
  reverses_id?: string;
  reference?: string | null;
  source?: readonly [type: string, id: string];
  description?: string;
}>;

/** The accounts of the house, by purpose: what 0017 (bank.keep_house_accounts) and savings make, and what the seeds need besides. */
const houseAccounts = {
  "cash:vault": { kind: "asset", shards: 16 },
  "clearing:wires": { kind: "liability", shards: 16 },
  "income:bank_fees": { kind: "income", shards: 16 },
  "expense:interest": { kind: "expense", shards: 1 },
  "income:interest": { kind: "income", shards: 1 },
  "fx:usd": { kind: "equity", shards: 1 },
  "equity:opening": { kind: "equity", shards: 1 },
  "clearing:payments": { kind: "liability", shards: 8 },
  "clearing:bank": { kind: "asset", shards: 16 },
  "clearing:paystack": { kind: "asset", shards: 16 },
  "income:commission": { kind: "income", shards: 8 },
  "income:fees": { kind: "income", shards: 8 },
  "expense:transport": { kind: "expense", shards: 1 },
  "expense:airtime": { kind: "expense", shards: 1 },
  "expense:stationery": { kind: "expense", shards: 1 },
  "expense:rent": { kind: "expense", shards: 1 },
} as const;

export type Purpose = keyof typeof houseAccounts;

const kept: readonly Purpose[] = [
  "cash:vault",
  "clearing:wires",
  "income:bank_fees",
  "expense:interest",
  "income:interest",
];

/** The ledger of a business: writes transactions with their entries in the order of time, and knows every balance. */
export class Books {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #random: Random;
  readonly #begin_ms: number;
  readonly #house = new Map<string, Balance[]>();

  constructor(rows: Rows, business: Business, begin_ms: number) {
    this.#rows = rows;
    this.#business = business;
    this.#random = business.plan.bank.random;
    this.#begin_ms = begin_ms;
  }

  /**
   * The balance of a house's account, of one shard at random; the account is made when it is first asked for. `random`:
   * of who asks, so that what one writes does not change with what another does.
   */
  house(purpose: Purpose, currency: string, random: Random = this.#random): Balance {
    const own = currency === this.#business.plan.currency;
    const code = own ? purpose : `${purpose}:${currency.toLowerCase()}`;
    const shards = this.#house.get(code) ?? this.#open(purpose, { code, currency, random });
    return random.pick(shards);
  }

  /** Every account that the bank makes beside the first one of its customers in a currency. */
  keepHouse(currency: string): void {
    for (const purpose of kept) this.house(purpose, currency);
  }

  #open(
    purpose: Purpose,
    { code, currency, random }: { code: string; currency: string; random: Random },
  ): Balance[] {
    const { kind, shards } = houseAccounts[purpose];
    const account_id = idAt(this.#begin_ms, random);
    const normal_side = kind === "asset" || kind === "expense" ? "debit" : "credit";
    const balances = Array.from({ length: shards }, (_, shard) =>
      newBalance({ account_id, shard, is_sharded: shards > 1, currency, normal_side }),
    );
    this.#house.set(code, balances);
    this.writeAccount({ account_id, code, kind, currency, shards, at_ms: this.#begin_ms });
    return balances;
  }

  /** Writes an account that stays open. `owner`: the record of a module that it belongs to. */
  writeAccount(account: LedgerAccount): void {
    const { account_id, code, kind, currency, owner, shards = 1, at_ms, by = null } = account;
    const at = instantText(at_ms);
    this.#rows.add("ledger.accounts", [
      this.#business.id,
      account_id,
      code,
      kind,
      currency,
      owner?.[0] ?? null,
      owner?.[1] ?? null,
      "open",
      shards,
      at,
      at,
      by,
      by,
    ]);
  }

  /** Writes a transaction whose lines balance in each currency. `post` and `void` end the hold that has the same lines. */
  post(posting: Posting, lines: readonly Line[]): void {
    const { id, kind, at_ms, by, phase = "single" } = posting;
    const business_id = this.#business.id;
    const at = instantText(at_ms);
    this.#rows.add("ledger.transactions", [
      business_id,
      id,
      phase,
      kind,
      posting.pending_id ?? null,
      posting.reverses_id ?? null,
      posting.reference ?? null,
      posting.source?.[0] ?? null,
      posting.source?.[1] ?? null,
      posting.description ?? null,
      at,
      at,
      by,
    ]);
    for (const { balance, side, amount } of lines) {
      move(balance, side, amount, phase);
      balance.version++;
      balance.updated_ms = at_ms;
      const isKept = !balance.is_sharded && (phase === "single" || phase === "post");
      this.#rows.add("ledger.entries", [
        business_id,
        balance.account_id,
        id,
        balance.shard,
        side,
        amount,
        balance.currency,
        phase,
        at,
        isKept ? posted(balance) : null,
      ]);
    }
  }

  /** Writes a balance row. */
  writeBalance(balance: Balance, facts: BalanceFacts): void {
    const { overdraft_limit, max_balance = null, is_open, used = [] } = facts;
    const usedIn = (window: Usage["window"]): [start: string, used: number] => {
      const found = used.find((each) => each.window === window);
      return found === undefined ? ["-infinity", 0] : [found.start, found.amount];
    };
    this.#rows.add("ledger.balances", [
      this.#business.id,
      balance.account_id,
      balance.shard,
      balance.normal_side,
      balance.posted_debit,
      balance.posted_credit,
      balance.pending_debit,
      balance.pending_credit,
      overdraft_limit,
      max_balance,
      is_open,
      ...usedIn("day"),
      ...usedIn("month"),
      ...usedIn("wire_day"),
      balance.version,
      instantText(balance.updated_ms === 0 ? this.#begin_ms : balance.updated_ms),
    ]);
  }

  /** Writes the balances of the house, at the end. */
  writeHouse(): void {
    for (const balances of this.#house.values())
      for (const balance of balances) this.writeBalance(balance, { overdraft_limit: null, is_open: true });
  }
}

function move(balance: Balance, side: Side, amount: number, phase: Phase): void {
  if (phase !== "single") {
    const held = phase === "pending" ? amount : -amount;
    if (side === "debit") balance.pending_debit += held;
    else balance.pending_credit += held;
  }
  if (phase !== "single" && phase !== "post") return;
  if (side === "debit") balance.posted_debit += amount;
  else balance.posted_credit += amount;
}
