/** What the ledger must do, said again without a database: one account, one hold and one refusal at a time. */

export type Side = "debit" | "credit";
export type Line = Readonly<{ account_id: string; side: Side; amount: number }>;
export type Use = Readonly<{
  account_id: string;
  window: "day" | "month";
  start: string;
  amount: number;
  cap: number;
}>;

export type Posting = Readonly<{
  id: string;
  phase: "single" | "pending";
  lines: readonly Line[];
  reference: string | null;
  /** Of a hold: whether its time has passed when it is made, or will in a day; null: it has none. */
  expires: "past" | "later" | null;
  limits: readonly Use[];
  reverses_id: string | null;
  /** Effective on the first day of 2026 instead of now. */
  is_backdated?: boolean;
}>;

export type Operation =
  | (Posting & { do: "post" })
  | Readonly<{
      do: "resolve";
      id: string;
      pending_id: string;
      phase: "post" | "void" | "expire";
      amount: number | null;
    }>
  | Readonly<{ do: "reverse"; id: string; transaction_id: string }>
  | Readonly<{ do: "status"; account_id: string; status: Status }>;

export type Status = "open" | "frozen" | "closed";
export type Outcome = Readonly<{
  refusal: string | null;
  detail: Readonly<{ window: string; limit: number; used: number }> | null;
}>;

export type Account = Readonly<{
  id: string;
  code: string;
  kind: "asset" | "liability" | "income";
  normal: Side;
  currency: string;
  shards: number;
  /** How far below zero it may go; null: any. */
  overdraft: number | null;
  ceiling: number | null;
}>;

type Money = { status: Status; posted: number; outgoing: number; incoming: number; version: number };
export type Entry = Readonly<{
  transaction_id: string;
  side: Side;
  amount: number;
  phase: string;
  after: number | null;
}>;
type Transaction = {
  id: string;
  phase: "single" | "pending" | "post" | "void" | "expire";
  lines: readonly Line[];
  expires: Posting["expires"];
  is_resolved: boolean;
  is_reversal: boolean;
  is_reversed: boolean;
};

const posted: Outcome = { refusal: null, detail: null };
const refused = (refusal: string, detail: Outcome["detail"] = null): Outcome => ({ refusal, detail });

export const mirrored = (lines: readonly Line[]): Line[] =>
  lines.map((line) => ({ ...line, side: line.side === "debit" ? "credit" : "debit" }));

/** One business's ledger in memory. */
export class LedgerModel {
  readonly accounts: ReadonlyMap<string, Account>;
  readonly money: ReadonlyMap<string, Money>;
  readonly entries: ReadonlyMap<string, Entry[]>;
  readonly transactions = new Map<string, Transaction>();
  /** What was used of each limit in the window that was paid in last, by account and window. Windows only move on. */
  readonly #used = new Map<string, { start: string; used: number }>();
  readonly #references = new Set<string>();

  constructor(accounts: readonly Account[]) {
    this.accounts = new Map(accounts.map((account) => [account.id, account]));
    const nothing = (): Money => ({ status: "open", posted: 0, outgoing: 0, incoming: 0, version: 0 });
    this.money = new Map(accounts.map(({ id }) => [id, nothing()]));
    this.entries = new Map(accounts.map(({ id }) => [id, []]));
  }

  apply(operation: Operation): Outcome {
    if (operation.do === "post") return this.#post(operation);
    if (operation.do === "resolve") return this.#resolve(operation);
    if (operation.do === "reverse") return this.#reverse(operation.id, operation.transaction_id);
    this.#moneyOf(operation.account_id).status = operation.status;
    return posted;
  }

  /** Expires what has to be; returns how many. */
  expireAll(nextId: () => string): number {
    const due = [...this.transactions.values()].filter(
      ({ phase, expires, is_resolved }) => phase === "pending" && expires === "past" && !is_resolved,
    );
    for (const { id } of due) {
      this.#resolve({ do: "resolve", id: nextId(), pending_id: id, phase: "expire", amount: null });
    }
    return due.length;
  }

  #post(posting: Posting): Outcome {
    const refusal = this.#unsound(posting.lines) ?? this.#refusalOf(posting);
    if (refusal !== null) return refusal;
    const { id, phase, lines, reference, expires, limits, reverses_id } = posting;
    if (reference !== null) this.#references.add(reference);
    const reversed = reverses_id === null ? undefined : this.transactions.get(reverses_id);
    if (reversed !== undefined) reversed.is_reversed = true;
    const is_reversal = reverses_id !== null;
    const fresh = { is_resolved: false, is_reversal, is_reversed: false };
    this.transactions.set(id, { id, phase, lines, expires, ...fresh });
    for (const use of limits) {
      const { start, used } = this.#usedIn(use);
      this.#used.set(keyOf(use), { start, used: used + use.amount });
    }
    this.#write(id, phase, lines);
    return posted;
  }

  #unsound(lines: readonly Line[]): Outcome | null {
    if (lines.length < 2) return refused("unbalanced");
    if (lines.some(({ account_id }) => !this.accounts.has(account_id))) return refused("account_not_found");
    if (lines.some(({ amount }) => amount <= 0)) return refused("amount_positive");
    const nets = new Map<string, number>();
    for (const { account_id, side, amount } of lines) {
      const { currency } = this.#accountOf(account_id);
      nets.set(currency, (nets.get(currency) ?? 0) + (side === "debit" ? amount : -amount));
    }
    return [...nets.values()].some((net) => net !== 0) ? refused("unbalanced") : null;
  }

  #refusalOf({ phase, lines, reference, limits, reverses_id }: Posting): Outcome | null {
    if (lines.some(({ account_id }) => this.#moneyOf(account_id).status !== "open")) {
      return refused("account_not_open");
    }
    if (reverses_id !== null && this.transactions.get(reverses_id)?.is_reversed === true) {
      return refused("already_reversed");
    }
    if (reference !== null && this.#references.has(reference)) return refused("reference_exists");
    for (const { account_id } of lines) {
      const { overdraft, ceiling } = this.#accountOf(account_id);
      const change = this.#changeOf(account_id, phase, lines);
      const { posted: now, outgoing } = this.#moneyOf(account_id);
      if (overdraft !== null && now - outgoing + change.available < -overdraft)
        return refused("insufficient_funds");
      if (ceiling !== null && now + change.posted > ceiling) return refused("balance_ceiling");
    }
    const inOrder = [...limits].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    for (const use of inOrder) {
      const { used } = this.#usedIn(use);
      if (used + use.amount > use.cap)
        return refused("limit_exceeded", { window: use.window, limit: use.cap, used });
    }
    return null;
  }

  #changeOf(account_id: string, phase: Posting["phase"], lines: readonly Line[]) {
    let [net, outgoing] = [0, 0];
    for (const line of lines) {
      if (line.account_id !== account_id) continue;
      const signed = this.#signed(line);
      net += signed;
      if (signed < 0) outgoing -= signed;
    }
    return phase === "single" ? { posted: net, available: net } : { posted: 0, available: -outgoing };
  }

  #resolve(operation: Extract<Operation, { do: "resolve" }>): Outcome {
    const { id, pending_id, phase, amount } = operation;
    const held = this.transactions.get(pending_id);
    if (held === undefined) return refused("transaction_not_found");
    if (held.phase !== "pending") return refused("not_pending");
    if (held.is_resolved) return refused("already_resolved");
    if (phase === "post" && held.expires === "past") return refused("pending_expired");
    const isWrongPart =
      amount !== null &&
      (phase !== "post" ||
        amount <= 0 ||
        held.lines.length !== 2 ||
        Math.min(...held.lines.map((line) => line.amount)) < amount);
    if (isWrongPart) return refused("partial_amount");
    const lines = amount === null ? held.lines : held.lines.map((line) => ({ ...line, amount }));
    if (phase === "post" && this.#breaksCeiling(lines)) return refused("balance_ceiling");
    held.is_resolved = true;
    const fresh = { expires: null, is_resolved: false, is_reversal: false, is_reversed: false };
    this.transactions.set(id, { id, phase, lines, ...fresh });
    for (const line of held.lines) {
      const money = this.#moneyOf(line.account_id);
      if (this.#signed(line) < 0) money.outgoing -= line.amount;
      else money.incoming -= line.amount;
    }
    this.#write(id, phase, lines);
    return posted;
  }

  #breaksCeiling(lines: readonly Line[]): boolean {
    return lines.some(({ account_id }) => {
      const { ceiling } = this.#accountOf(account_id);
      const after = this.#moneyOf(account_id).posted + this.#changeOf(account_id, "single", lines).posted;
      return ceiling !== null && after > ceiling;
    });
  }

  #reverse(id: string, transaction_id: string): Outcome {
    const found = this.transactions.get(transaction_id);
    if (found === undefined) return refused("transaction_not_found");
    if (!["single", "post"].includes(found.phase) || found.is_reversal) return refused("not_reversible");
    const plain = { phase: "single", reference: null, expires: null, limits: [] } as const;
    return this.#post({ ...plain, id, lines: mirrored(found.lines), reverses_id: transaction_id });
  }

  #write(transaction_id: string, phase: Transaction["phase"], lines: readonly Line[]): void {
    for (const line of lines) {
      const money = this.#moneyOf(line.account_id);
      const isPosted = phase === "single" || phase === "post";
      if (isPosted) money.posted += this.#signed(line);
      if (phase === "pending" && this.#signed(line) < 0) money.outgoing += line.amount;
      if (phase === "pending" && this.#signed(line) > 0) money.incoming += line.amount;
      const after = isPosted && this.#accountOf(line.account_id).shards === 1 ? money.posted : null;
      const { side, amount } = line;
      this.entries.get(line.account_id)?.push({ transaction_id, side, amount, phase, after });
    }
    for (const account_id of new Set(lines.map((line) => line.account_id)))
      this.#moneyOf(account_id).version += 1;
  }

  /** The window that a use counts in: its own, or a later one that the account has paid in. */
  #usedIn(use: Use): { start: string; used: number } {
    const last = this.#used.get(keyOf(use));
    return last !== undefined && last.start >= use.start ? last : { start: use.start, used: 0 };
  }

  /** By account, window and its first day. */
  usage(): Record<string, number> {
    return Object.fromEntries([...this.#used].map(([key, { start, used }]) => [`${key} ${start}`, used]));
  }

  #signed = ({ account_id, side, amount }: Line): number =>
    side === this.#accountOf(account_id).normal ? amount : -amount;

  #accountOf(id: string): Account {
    const account = this.accounts.get(id);
    if (account === undefined) throw new Error(`no account ${id}`);
    return account;
  }

  #moneyOf(id: string): Money {
    const money = this.money.get(id);
    if (money === undefined) throw new Error(`no account ${id}`);
    return money;
  }
}

const keyOf = ({ account_id, window }: Use): string => `${account_id} ${window}`;
