import { type Account, available, limitLeft, use } from "./accounts.ts";
import type { Agenda } from "./agenda.ts";
import { type BeneficiaryWriter, type Payee, snapshotOf } from "./beneficiaries.ts";
import { type Books, line, type Line, mirror } from "./books.ts";
import type { Business } from "./business.ts";
import { idAt } from "./ids.ts";
import { dayText, type DayNumber, instantText } from "./local-time.ts";
import { type WirePlan, wireRules } from "./plan.ts";
import type { Rows } from "./rows.ts";
import type { TransferWriter } from "./transfers.ts";
import { type Part, tell, type WireEvent } from "./wire-stories.ts";

const unit = 50_000;
const { fee: feeRule, verification_threshold } = wireRules;
/** The most that one takes. */
const most = 2 * verification_threshold;

type Wire = Readonly<{
  id: string;
  account: Account;
  payee: Payee;
  /** Minor units of the account's currency, and of the target's. */
  amount: number;
  fee: number;
  target_amount: number;
  target_currency: string;
  fx_rate: number | null;
  events: readonly WireEvent[];
  status: string;
}>;

/** Writes wires: the transfer, its hold and what became of it, and everything that people did to it. */
export class WireWriter {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #books: Books;
  readonly #transfers: TransferWriter;
  readonly #agenda: Agenda;
  readonly #payees: BeneficiaryWriter;
  readonly #people: Readonly<Record<Exclude<Part, "creator">, string | null>>;
  #sent = 0;

  constructor(
    rows: Rows,
    business: Business,
    with_: { books: Books; transfers: TransferWriter; agenda: Agenda; payees: BeneficiaryWriter },
  ) {
    this.#rows = rows;
    this.#business = business;
    this.#books = with_.books;
    this.#transfers = with_.transfers;
    this.#agenda = with_.agenda;
    this.#payees = with_.payees;
    this.#people = { approver: this.#user("manager"), reviewer: this.#user("compliance") };
  }

  #user(login: string): string | null {
    return this.#business.people.get(login)?.user_id ?? null;
  }

  /** Whether wires of an account are allowed now, and it will be there when one comes back. */
  mayUse(account: Account, day: DayNumber): boolean {
    const { fate, kyc, currency } = account;
    return (
      fate === "lives" &&
      kyc.level >= 2 &&
      currency === this.#business.plan.currency &&
      limitLeft(account, day) >= most
    );
  }

  /** A wire as most of them go. */
  draw(): WirePlan {
    const draw = this.#business.plan.bank.random.unit();
    const story =
      draw < 0.6
        ? "waved"
        : draw < 0.88
          ? "reviewed"
          : draw < 0.9
            ? "held"
            : draw < 0.93
              ? "returned"
              : draw < 0.97
                ? "rejected"
                : "cancelled";
    return { days_ago: 0, story, is_watched: story === "held" };
  }

  write(plan: WirePlan, account: Account, { at_ms, day }: { at_ms: number; day: DayNumber }): void {
    const { random } = this.#business.plan.bank;
    const { until_ms } = this.#business.plan;
    const isOwn = account.customer_id === this.#business.customers[0];
    const creator = this.#user(isOwn ? "customer" : "admin");
    const events = tell(plan, at_ms, until_ms);
    const percent = plan.story === "waved" ? random.between(5, 90) : random.between(100, 200);
    const price = this.#price(
      Math.ceil((verification_threshold * percent) / 100 / unit) * unit,
      plan.is_foreign === true,
    );
    const wire: Wire = {
      id: idAt(at_ms, random),
      account,
      payee: this.#payees.payeeOf(account, { at_ms, by: creator, is_watched: plan.is_watched === true }),
      ...price,
      events,
      status: events.at(-1)?.to ?? "pending_approval",
    };
    const missing = wire.amount + wire.fee - available(account);
    if (missing > 0) {
      const amount = Math.ceil(missing / unit) * unit;
      this.#transfers.write({
        kind: "deposit",
        from: null,
        to: account,
        amount,
        at_ms,
        by: this.#user("clerk"),
      });
    }
    account.moved_ms = at_ms;
    if (!["cancelled", "rejected", "returned"].includes(wire.status))
      use(account, wire.amount, { day, is_wire: true });
    const return_id = this.#settle(wire, creator);
    this.#writeTransfer(wire, { creator, return_id });
    this.#writeWire(wire, { creator, day });
  }

  /** Of a wire of about so much. */
  #price(about: number, isForeign: boolean) {
    const { currency, bank } = this.#business.plan;
    const { rate } = bank.foreign;
    const target_amount = isForeign ? Math.floor(about / rate) : about;
    const amount = isForeign ? Math.round(target_amount * rate) : about;
    const bps = Math.floor((amount * feeRule.bps + 5_000) / 10_000);
    const fee = Math.min(feeRule.cap, feeRule.base + bps + (isForeign ? feeRule.foreign : 0));
    const target_currency = isForeign ? bank.foreign.currency : currency;
    return { amount, fee, target_amount, target_currency, fx_rate: isForeign ? rate : null };
  }

  /** Holds the money, and plans what ends that. Returns the id of the transaction that brings it back, if one does. */
  #settle(wire: Wire, creator: string | null): string | null {
    const { random } = this.#business.plan.bank;
    const lines = this.#linesOf(wire, wire.fee);
    const made_ms = wire.events[0]?.at_ms ?? 0;
    this.#books.post(
      { id: wire.id, kind: "bank.wire", at_ms: made_ms, by: creator, phase: "pending" },
      lines,
    );
    let return_id: string | null = null;
    for (const event of wire.events) {
      const by = this.#actor(event, creator);
      const posting = { id: idAt(event.at_ms, random), kind: "bank.wire", at_ms: event.at_ms, by };
      if (event.to === "completed" || event.to === "cancelled" || event.to === "rejected") {
        const phase = event.to === "completed" ? "post" : "void";
        this.#agenda.add(event.at_ms, () =>
          this.#books.post({ ...posting, phase, pending_id: wire.id }, lines),
        );
      } else if (event.to === "returned") {
        return_id = posting.id;
        // the fee stays
        const back = mirror(this.#linesOf(wire, 0));
        const source = ["bank.transfer", wire.id] as const;
        this.#agenda.add(event.at_ms, () =>
          this.#books.post({ ...posting, kind: "bank.wire.return", source }, back),
        );
      }
    }
    return return_id;
  }

  /** As bank.wire_lines of 0018. */
  #linesOf({ account, amount, target_amount, target_currency, fx_rate }: Wire, fee: number): Line[] {
    const { currency } = account;
    const lines = [
      line(account, "debit", amount + fee),
      line(this.#books.house("clearing:wires", target_currency), "credit", target_amount),
    ];
    if (fee > 0) lines.push(line(this.#books.house("income:bank_fees", currency), "credit", fee));
    if (fx_rate !== null) {
      lines.push(line(this.#books.house("fx:usd", currency), "credit", amount));
      lines.push(line(this.#books.house("fx:usd", target_currency), "debit", target_amount));
    }
    return lines;
  }

  #actor({ by }: WireEvent, creator: string | null): string | null {
    return by === "creator" ? creator : this.#people[by];
  }

  #writeTransfer(
    wire: Wire,
    { creator, return_id }: { creator: string | null; return_id: string | null },
  ): void {
    const { events, status } = wire;
    const states: Readonly<Record<string, string>> = {
      completed: "posted",
      returned: "reversed",
      cancelled: "cancelled",
      rejected: "failed",
    };
    const ends = events.filter(({ to }) => states[to] !== undefined);
    this.#transfers.writeRow({
      id: wire.id,
      kind: "wire",
      status: states[status] ?? "pending",
      from: wire.account,
      to: null,
      amount: wire.amount,
      fee: wire.fee,
      currency: wire.account.currency,
      reference: `wire:${wire.id}`,
      memo: null,
      category: null,
      reversed_by_id: return_id,
      at_ms: events[0]?.at_ms ?? 0,
      settled_ms: ends[0]?.at_ms ?? null,
      updated_ms: ends.at(-1)?.at_ms ?? events[0]?.at_ms ?? 0,
      version: 1 + ends.length,
      by: creator,
    });
  }

  #writeWire(wire: Wire, { creator, day }: { creator: string | null; day: DayNumber }): void {
    const { id: business_id } = this.#business;
    const { id, payee, events, status } = wire;
    const moved = (to: string, by: Part) => events.findLast((event) => event.to === to && event.by === by);
    const approved = moved("compliance_review", "approver");
    const reviewed = moved("approved", "reviewer") ?? moved("rejected", "reviewer");
    const submitted = moved("submitted", "approver");
    const at = (event: WireEvent | undefined) => (event === undefined ? null : instantText(event.at_ms));
    const last = events.at(-1);
    this.#rows.add("bank.wire_transfers", [
      business_id,
      id,
      wire.account.customer_id,
      payee.id,
      snapshotOf(payee),
      status,
      "GDDS",
      wire.target_amount,
      wire.target_currency,
      wire.fx_rate,
      payee.hit === null ? 0 : 1,
      payee.hit ?? "[]",
      approved ? this.#people.approver : null,
      at(approved),
      reviewed ? this.#people.reviewer : null,
      at(reviewed),
      at(submitted),
      submitted ? `RTGS${String(++this.#sent).padStart(9, "0")}` : null,
      status === "rejected" ? (last?.note ?? null) : null,
      wire.amount >= verification_threshold || payee.hit !== null,
      dayText(day),
      // the two moves of a wire that nobody reviews are one change
      events.length - (events[2]?.by === "approver" ? 1 : 0),
      at(events[0]),
      at(last),
      creator,
      last === undefined ? creator : this.#actor(last, creator),
    ]);
    for (const event of events) {
      const { from, to, note } = event;
      const actor = this.#actor(event, creator);
      this.#rows.add("bank.wire_transfer_events", [business_id, id, at(event), from, to, actor, note]);
    }
  }
}
