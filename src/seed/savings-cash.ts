import type { RemittanceStatus } from "../platform/enums.ts";
import { type Balance, line, type Line, newBalance } from "./books.ts";
import type { Agent } from "./business.ts";
import { idAt } from "./ids.ts";
import { dayText, type DayNumber, instantText } from "./local-time.ts";
import { type Desk, hour_ms, minute_ms } from "./savings-desk.ts";

/** When an agent hands over, after the day begins; and when the office counts, on the next. */
const submit_ms = 11.6 * hour_ms;
const count_ms = 1.5 * hour_ms;

/** An agent who has collected, with what the ledger says of them. */
export type Collector = {
  readonly agent: Agent;
  readonly agent_no: number;
  receipts: number;
  readonly cash: Balance;
  readonly receivable: Balance;
  readonly commission: Balance;
  today: Remittance | null;
};

export type Remittance = {
  readonly id: string;
  readonly collector: Collector;
  readonly day: DayNumber;
  readonly made_ms: number;
  /** In which state the end of a demo finds it; null: in whichever it is then. */
  readonly stays: RemittanceStatus | null;
  status: RemittanceStatus;
  expected: number;
  declared: number | null;
  counted: number | null;
  submitted_ms: number | null;
  confirmed_ms: number | null;
  confirmed_by: string | null;
  ledger_id: string | null;
  note: string | null;
  version: number;
  updated_ms: number;
  updated_by: string;
};

/** Cash on its way: what agents hold, and what becomes of what they hand over. */
export class Cash {
  readonly #desk: Desk;
  readonly #collectors = new Map<string, Collector>();
  /** Those that are not confirmed. */
  readonly #waiting = new Set<Remittance>();
  #stayed = 0;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** The agent, with ledger accounts that are made when they are first needed, as by savings.agent of 0025. */
  collector(agent: Agent, at_ms: number): Collector {
    const found = this.#collectors.get(agent.member_id);
    if (found !== undefined) return found;
    const { books, random, business } = this.#desk;
    const { currency } = business.plan;
    const make = (part: string, kind: "asset" | "liability"): Balance => {
      const account_id = idAt(at_ms, random);
      books.writeAccount({
        account_id,
        code: `agent:${agent.member_id}:${part}`,
        kind,
        currency,
        owner: ["savings.agent", agent.member_id],
        at_ms,
        by: agent.user_id,
      });
      const normal_side = kind === "asset" ? "debit" : "credit";
      return { ...newBalance({ account_id, currency, normal_side }), updated_ms: at_ms };
    };
    const made: Collector = {
      agent,
      agent_no: this.#collectors.size + 1,
      receipts: 0,
      cash: make("cash", "asset"),
      receivable: make("receivable", "asset"),
      commission: make("commission", "liability"),
      today: null,
    };
    this.#collectors.set(agent.member_id, made);
    return made;
  }

  /** Whether an agent may take so much more. */
  mayHold({ cash }: Collector, amount: number): boolean {
    const { cash_ceiling } = this.#desk.business.plan.savings;
    return cash_ceiling === null || cash.posted_debit - cash.posted_credit + amount <= cash_ceiling;
  }

  /** The remittance of a day, to which cash is added; `isNew`: it is the first of it. */
  take(collector: Collector, { day, amount, at_ms }: { day: DayNumber; amount: number; at_ms: number }) {
    const isNew = collector.today?.day !== day;
    const remittance = isNew ? this.#begin(collector, day, at_ms) : collector.today;
    if (remittance === null) throw new RangeError("no remittance");
    remittance.expected += amount;
    return { remittance, isNew };
  }

  #begin(collector: Collector, day: DayNumber, at_ms: number): Remittance {
    const { agenda, calendar, random } = this.#desk;
    const remittance: Remittance = {
      id: idAt(at_ms, random),
      collector,
      day,
      made_ms: at_ms,
      stays: this.#stays(day),
      status: "open",
      expected: 0,
      declared: null,
      counted: null,
      submitted_ms: null,
      confirmed_ms: null,
      confirmed_by: null,
      ledger_id: null,
      note: null,
      version: 1,
      updated_ms: at_ms,
      updated_by: collector.agent.user_id,
    };
    collector.today = remittance;
    this.#waiting.add(remittance);
    const due_ms = calendar.opens(day - calendar.first) + submit_ms + collector.agent_no * 100;
    if (remittance.stays !== "open") agenda.add(due_ms, () => this.#submit(remittance, due_ms));
    return remittance;
  }

  /** Those of the last days of a demo stay in one state after the other. */
  #stays(day: DayNumber): RemittanceStatus | null {
    const { stays } = this.#desk.business.plan.savings;
    if (stays === null || this.#desk.daysAgo(day) > stays.days) return null;
    return stays.remittances[this.#stayed++ % stays.remittances.length] ?? null;
  }

  #submit(remittance: Remittance, at_ms: number): void {
    const { agenda, calendar, random, manager, admin } = this.#desk;
    const { collector, day, expected, stays } = remittance;
    const by = collector.agent.user_id;
    this.#move(remittance, { status: "submitted", declared: expected, submitted_ms: at_ms }, { at_ms, by });
    if (stays === "submitted") return;
    const staff = collector.agent_no % 2 === 0 ? admin : manager;
    const counts_ms = calendar.opens(day - calendar.first + 1) + count_ms + collector.agent_no * 100;
    const isDisputed = stays === "disputed" || random.evenly("disputed", 0.03);
    const step = Math.min(expected, 10_000);
    const missing =
      isDisputed || random.evenly("short", 0.02) ? step : random.evenly("over", 0.02) ? -step : 0;
    const counted = expected - missing;
    const confirm = (confirmed_ms: number) => () =>
      this.#confirm(remittance, { counted, at_ms: confirmed_ms, staff });
    if (!isDisputed) {
      agenda.add(counts_ms, confirm(counts_ms));
      return;
    }
    const note = "Less than was declared, counted twice";
    agenda.add(counts_ms, () => {
      const disputed = { status: "disputed", counted, note } as const;
      this.#move(remittance, disputed, { at_ms: counts_ms, by: staff.user_id });
      if (stays === "disputed") return;
      const agreed_ms = counts_ms + 5 * hour_ms;
      agenda.add(agreed_ms, confirm(agreed_ms));
    });
  }

  #confirm(
    remittance: Remittance,
    {
      counted,
      at_ms,
      staff,
    }: { counted: number; at_ms: number; staff: { user_id: string; member_id: string } },
  ): void {
    const { books, business, random } = this.#desk;
    const { collector, expected } = remittance;
    const vault = books.house("cash:vault", business.plan.currency, random);
    const lines: Line[] = [
      line(vault, "debit", counted),
      line(collector.receivable, "debit", expected - counted),
      line(collector.cash, "credit", expected),
      line(collector.receivable, "credit", counted - expected),
    ].filter(({ amount }) => amount > 0);
    const ledger_id = lines.length === 0 ? null : idAt(at_ms, random);
    if (ledger_id !== null) {
      const source = ["savings.remittance", remittance.id] as const;
      books.post({ id: ledger_id, kind: "savings.remittance", at_ms, by: staff.user_id, source }, lines);
    }
    const confirmed = { status: "confirmed", counted, ledger_id, confirmed_ms: at_ms } as const;
    this.#move(remittance, { ...confirmed, confirmed_by: staff.member_id }, { at_ms, by: staff.user_id });
    this.#waiting.delete(remittance);
    this.#write(remittance);
  }

  #move(
    remittance: Remittance,
    change: Partial<Remittance>,
    { at_ms, by }: { at_ms: number; by: string },
  ): void {
    Object.assign(remittance, change, { version: remittance.version + 1, updated_ms: at_ms, updated_by: by });
  }

  #write(remittance: Remittance): void {
    const { rows, business } = this.#desk;
    const { collector, submitted_ms, confirmed_ms } = remittance;
    rows.add("savings.remittances", [
      business.id,
      remittance.id,
      collector.agent.member_id,
      dayText(remittance.day),
      1,
      remittance.status,
      remittance.expected,
      remittance.declared,
      remittance.counted,
      submitted_ms === null ? null : instantText(submitted_ms),
      remittance.confirmed_by,
      confirmed_ms === null ? null : instantText(confirmed_ms),
      remittance.ledger_id,
      remittance.note,
      remittance.version,
      instantText(remittance.made_ms),
      instantText(remittance.updated_ms),
      collector.agent.user_id,
      remittance.updated_by,
    ]);
  }

  /** Everybody who has collected. */
  collectors(): Iterable<Collector> {
    return this.#collectors.values();
  }

  /** What is not counted yet, and the agents as they are in the end. */
  close(): void {
    const { rows, books, business } = this.#desk;
    for (const remittance of this.#waiting) this.#write(remittance);
    for (const { agent, agent_no, receipts, cash, receivable, commission } of this.#collectors.values()) {
      rows.add("savings.agents", [
        business.id,
        agent.member_id,
        agent_no,
        receipts,
        cash.account_id,
        receivable.account_id,
        commission.account_id,
      ]);
      const max_balance = business.plan.savings.cash_ceiling;
      books.writeBalance(cash, { overdraft_limit: 0, max_balance, is_open: true });
      books.writeBalance(receivable, { overdraft_limit: null, is_open: true });
      books.writeBalance(commission, { overdraft_limit: 0, is_open: true });
    }
  }
}

/** So long before an agent hands over, the office has decided on what they spent. */
export const decide_ms = submit_ms - 30 * minute_ms;
