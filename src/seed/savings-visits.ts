import { line, type Line, mirror } from "./books.ts";
import { idAt } from "./ids.ts";
import { dayText, type DayNumber, instantText } from "./local-time.ts";
import type { SavingsAccount, SavingsAccounts } from "./savings-accounts.ts";
import type { Cash, Collector, Remittance } from "./savings-cash.ts";
import { type Desk, hour_ms, minute_ms } from "./savings-desk.ts";
import { commonTerms, slotsOf } from "./savings-terms.ts";

/** After this an agent has seen that a visit was entered wrongly; and a provider has said that the money came. */
const undo_ms = 20 * minute_ms;
const confirm_ms = 3 * minute_ms;
const day_ms = 24 * hour_ms;
const onlineMethods = ["transfer", "card", "mobile_money"] as const;

type Collection = {
  readonly id: string;
  readonly account: SavingsAccount;
  readonly collector: Collector;
  readonly receipt: number;
  readonly method: "cash" | (typeof onlineMethods)[number];
  readonly at_ms: number;
  readonly day: DayNumber;
  readonly client_ref: string;
  readonly amount: number;
  readonly markings: number;
  /** Of each marking, where they differ. */
  readonly amounts: readonly number[] | null;
  readonly remittance: Remittance | null;
  /** Slots that it fills, or has filled. */
  positions: readonly number[];
  lines: readonly Line[];
  confirmed_ms: number | null;
  reversal: Readonly<{ id: string; at_ms: number; by: string; reason: string }> | null;
};

export type Visit = Readonly<{ account: SavingsAccount; markings: number; at_ms: number; day: DayNumber }>;

/** Writes collections with the slots that they fill and the ledger transactions of the same id. */
export class Visits {
  readonly #desk: Desk;
  readonly #cash: Cash;
  readonly #accounts: SavingsAccounts;
  readonly #onFilled: (account: SavingsAccount, at_ms: number) => void;
  /** Those that something is still to happen to. */
  readonly #waiting = new Set<Collection>();

  /** `onFilled`: called when slots of an account were paid. */
  constructor(
    desk: Desk,
    with_: Readonly<{
      cash: Cash;
      accounts: SavingsAccounts;
      onFilled: (account: SavingsAccount, at_ms: number) => void;
    }>,
  ) {
    this.#desk = desk;
    this.#cash = with_.cash;
    this.#accounts = with_.accounts;
    this.#onFilled = with_.onFilled;
  }

  /** Returns the remittance that the visit began, if it did. */
  run({ account, markings, at_ms, day }: Visit): Remittance | null {
    if (account.status !== "active" || account.place === -1) return null;
    const { random } = this.#desk;
    const count = this.#room(account, markings, at_ms);
    if (count <= 0) return null;
    const collector = this.#cash.collector(account.agent, at_ms);
    const unit = commonTerms.min_marking_amount;
    const amounts = account.product.flexible_amount
      ? Array.from({ length: count }, () => random.between(1, 12) * unit)
      : null;
    const amount = amounts?.reduce((sum, each) => sum + each, 0) ?? count * account.marking_amount;
    const isOnline = random.evenly("online", 0.1);
    if (!isOnline && !this.#cash.mayHold(collector, amount)) return null;
    const taken = isOnline ? null : this.#cash.take(collector, { day, amount, at_ms });
    const collection: Collection = {
      id: idAt(at_ms, random),
      account,
      collector,
      receipt: ++collector.receipts,
      method: isOnline ? random.pick(onlineMethods) : "cash",
      at_ms,
      day,
      client_ref: idAt(at_ms, random),
      amount,
      markings: count,
      amounts,
      remittance: taken?.remittance ?? null,
      positions: [],
      lines: [],
      confirmed_ms: null,
      reversal: null,
    };
    if (isOnline) this.#await(collection);
    else {
      this.#confirm(collection, at_ms);
      if (!this.#undo(collection)) this.#write(collection);
    }
    return taken?.isNew === true ? taken.remittance : null;
  }

  /** How many of so many markings there are slots for. A full plan that renews itself grows. */
  #room(account: SavingsAccount, markings: number, at_ms: number): number {
    const { product, starts_day } = account;
    if (!product.auto_renew) {
      const free = account.total - account.paid - (account.awaits > 0 ? 1 : 0);
      return Math.min(markings, free);
    }
    while (account.paid + markings >= account.total) {
      const cycles = account.cycles + 1;
      this.#accounts.change(account, { cycles, total: slotsOf(product, starts_day, cycles) }, at_ms);
    }
    return markings;
  }

  /** Money that a provider tells of; some payers never come to the end of it. */
  #await(collection: Collection): void {
    const { account, at_ms } = collection;
    const due_ms = at_ms + confirm_ms;
    if (this.#desk.random.evenly("given up", 0.06)) {
      this.#write(collection);
      return;
    }
    this.#waiting.add(collection);
    account.awaits++;
    this.#desk.agenda.add(due_ms, () => {
      account.awaits--;
      this.#confirm(collection, due_ms);
      this.#finish(collection);
    });
  }

  #confirm(collection: Collection, at_ms: number): void {
    const { books, business, random } = this.#desk;
    const { account, collector, method, amount, markings } = collection;
    const isCash = method === "cash";
    const from = isCash ? collector.cash : books.house("clearing:paystack", business.plan.currency, random);
    collection.lines = [line(from, "debit", amount), line(account, "credit", amount)];
    collection.confirmed_ms = at_ms;
    const by = isCash ? collector.agent.user_id : null;
    books.post(
      {
        id: collection.id,
        kind: "savings.collection",
        at_ms,
        by,
        ...(!isCash && { source: ["savings.collection", collection.id] as const }),
      },
      collection.lines,
    );
    collection.positions = takeSlots(account, markings);
    account.paid += markings;
    account.collected += amount;
    this.#onFilled(account, at_ms);
  }

  /** Now and then a visit was none: the agent sees it at once, or the office a day later. */
  #undo(collection: Collection): boolean {
    const { random, until_ms, calendar } = this.#desk;
    const { account, at_ms, day } = collection;
    if (account.status !== "active" || account.place === -1) return false;
    const isSeen = random.evenly("undone", 0.008);
    if (!isSeen && !random.evenly("undone later", 0.005)) return false;
    const due_ms = isSeen ? at_ms + undo_ms : calendar.opens(day - calendar.first + 1) + 4 * hour_ms;
    if (due_ms > until_ms) return false;
    this.#waiting.add(collection);
    account.awaits++;
    this.#plan(collection, due_ms, isSeen);
    return true;
  }

  #plan(collection: Collection, due_ms: number, isSeen: boolean): void {
    const { agenda, manager } = this.#desk;
    const { remittance, collector, amount } = collection;
    agenda.add(due_ms, () => {
      const isCounted = remittance?.status === "submitted" || remittance?.status === "disputed";
      const isSpent = remittance?.status === "open" && remittance.expected < amount;
      // while it is being counted, the office leaves it as it is; and cash that the round has cost cannot be given back
      if (isCounted || isSpent) {
        this.#plan(collection, due_ms + day_ms, false);
        return;
      }
      const by = isSeen ? collector.agent.user_id : manager.user_id;
      const reason = isSeen ? "Wrong customer" : "The customer's card does not show it";
      this.#reverse(collection, { at_ms: due_ms, by, reason });
      this.#finish(collection);
    });
  }

  #reverse(
    collection: Collection,
    { at_ms, by, reason }: { at_ms: number; by: string; reason: string },
  ): void {
    const { books, random } = this.#desk;
    const { account, collector, amount, remittance } = collection;
    const id = idAt(at_ms, random);
    collection.reversal = { id, at_ms, by, reason };
    account.awaits--;
    const source = ["savings.collection", collection.id] as const;
    const posting = { id, kind: "savings.reversal", at_ms, by, description: reason, source };
    if (remittance?.status === "confirmed") {
      const owed = [line(account, "debit", amount), line(collector.receivable, "credit", amount)];
      books.post(posting, owed);
    } else {
      if (remittance !== null) remittance.expected -= amount;
      books.post({ ...posting, reverses_id: collection.id }, mirror(collection.lines));
    }
    freeSlots(account, collection.positions);
    account.paid -= collection.markings;
    account.collected -= amount;
  }

  #finish(collection: Collection): void {
    this.#waiting.delete(collection);
    this.#write(collection);
  }

  /** What nothing happens to any more. */
  close(): void {
    for (const collection of this.#waiting) this.#write(collection);
  }

  #write(collection: Collection): void {
    const { rows, business } = this.#desk;
    const { account, collector, amounts, reversal, confirmed_ms, method, id, positions } = collection;
    const isOnline = method !== "cash";
    const made = instantText(collection.at_ms);
    const confirmed = confirmed_ms === null ? null : instantText(confirmed_ms);
    const reversed = reversal === null ? null : instantText(reversal.at_ms);
    rows.add("savings.collections", [
      business.id,
      id,
      business.units[0] ?? null,
      account.account_id,
      collector.agent.member_id,
      collection.amount,
      account.currency,
      collection.markings,
      amounts === null ? null : `{${amounts.join(",")}}`,
      method,
      reversal !== null ? "reversed" : confirmed === null ? "recorded" : "confirmed",
      collection.client_ref,
      // of what was sent: nobody has it any more who could send it again
      `\\\\x${collection.client_ref.replaceAll("-", "")}`,
      made,
      dayText(collection.day),
      `R${collector.agent_no}-${String(collection.receipt).padStart(6, "0")}`,
      collection.remittance?.id ?? null,
      isOnline ? "paystack" : null,
      isOnline ? id : null,
      isOnline ? `https://checkout.example.com/${id}` : null,
      confirmed,
      reversal?.by ?? null,
      reversed,
      reversal?.id ?? null,
      reversal?.reason ?? null,
      1 + (isOnline && confirmed !== null ? 1 : 0) + (reversal === null ? 0 : 1),
      made,
      reversed ?? confirmed ?? made,
      collector.agent.user_id,
      reversal?.by ?? collector.agent.user_id,
    ]);
    for (const [index, position] of positions.entries()) {
      rows.add("savings.markings", [
        business.id,
        account.account_id,
        id,
        position,
        dayText(account.starts_day + (position - 1) * account.product.period_days),
        amounts?.[index] ?? account.marking_amount,
        reversed,
      ]);
    }
  }
}

/** The lowest free slots: what was freed first. */
function takeSlots(account: SavingsAccount, count: number): number[] {
  const taken = account.holes.splice(0, count);
  while (taken.length < count) taken.push(account.next++);
  return taken;
}

function freeSlots(account: SavingsAccount, positions: readonly number[]): void {
  const { holes } = account;
  holes.push(...positions);
  holes.sort((one, other) => one - other);
  while (holes.length > 0 && holes.at(-1) === account.next - 1) {
    holes.pop();
    account.next--;
  }
}
