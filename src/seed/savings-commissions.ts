import { line } from "./books.ts";
import { idAt } from "./ids.ts";
import { dayText, type DayNumber, instantText } from "./local-time.ts";
import type { Cash, Collector } from "./savings-cash.ts";
import { type Desk, hour_ms } from "./savings-desk.ts";
import type { Request } from "./savings-request-rows.ts";

type Commission = {
  readonly id: string;
  readonly request: Request;
  readonly ledger_id: string;
  readonly day: DayNumber;
  readonly at_ms: number;
  readonly by: string;
  agent_settlement_id: string | null;
  parent_settlement_id: string | null;
  changed: Readonly<{ at_ms: number; by: string }> | null;
};

/** Writes what agents have earned, and pays it out at the beginning of each month. */
export class Commissions {
  readonly #desk: Desk;
  readonly #cash: Cash;
  /** Shares that were not paid out, by the member who earned them. */
  readonly #owed = new Map<string, { commission: Commission; part: "agent" | "parent" }[]>();

  constructor(desk: Desk, cash: Cash) {
    this.#desk = desk;
    this.#cash = cash;
  }

  /** A request was paid, by the ledger transaction that ended its hold. */
  earn(request: Request, of: { ledger_id: string; at_ms: number; day: DayNumber; by: string }): void {
    if (request.commission === 0) return;
    const id = idAt(of.at_ms, this.#desk.random);
    const unpaid = { agent_settlement_id: null, parent_settlement_id: null, changed: null };
    const commission: Commission = { id, request, ...of, ...unpaid };
    const { agent } = request.account;
    if (request.agent_amount > 0) this.#owe(agent.member_id, commission, "agent");
    if (agent.parent_id !== null && request.parent_amount > 0)
      this.#owe(agent.parent_id, commission, "parent");
    if (request.agent_amount === 0) this.#write(commission);
  }

  #owe(member_id: string, commission: Commission, part: "agent" | "parent"): void {
    const owed = this.#owed.get(member_id);
    if (owed === undefined) this.#owed.set(member_id, [{ commission, part }]);
    else owed.push({ commission, part });
  }

  /** What was earned before a day is paid out on it. */
  settle(opens_ms: number): void {
    for (const collector of this.#cash.collectors()) {
      const at_ms = opens_ms + 2 * hour_ms + collector.agent_no * 100;
      if (at_ms <= this.#desk.until_ms)
        this.#desk.agenda.add(at_ms, () => this.#pay(collector, opens_ms, at_ms));
    }
  }

  #pay(collector: Collector, before_ms: number, at_ms: number): void {
    const { books, business, random, manager } = this.#desk;
    const { member_id } = collector.agent;
    const owed = this.#owed.get(member_id) ?? [];
    const due = owed.filter(({ commission }) => commission.at_ms < before_ms);
    if (due.length === 0) return;
    this.#owed.set(
      member_id,
      owed.filter(({ commission }) => commission.at_ms >= before_ms),
    );
    const id = idAt(at_ms, random);
    const by = manager.user_id;
    let amount = 0;
    for (const { commission, part } of due) {
      const { request } = commission;
      amount += part === "agent" ? request.agent_amount : request.parent_amount;
      commission[`${part}_settlement_id`] = id;
      commission.changed = { at_ms, by };
      const isParentPaid = request.parent_amount === 0 || commission.parent_settlement_id !== null;
      if (commission.agent_settlement_id !== null && isParentPaid) this.#write(commission);
    }
    books.post({ id, kind: "savings.commission", at_ms, by, source: ["savings.agent", member_id] }, [
      line(collector.commission, "debit", amount),
      line(books.house("cash:vault", business.plan.currency, random), "credit", amount),
    ]);
  }

  /** What is still owed. */
  close(): void {
    const left = new Set(
      [...this.#owed.values()].flatMap((owed) => owed.map(({ commission }) => commission)),
    );
    for (const commission of left) this.#write(commission);
  }

  #write(commission: Commission): void {
    const { rows, business } = this.#desk;
    const { request, changed, by } = commission;
    const { account, agent_amount, parent_amount } = request;
    const made = instantText(commission.at_ms);
    rows.add("savings.commissions", [
      business.id,
      commission.id,
      account.account_id,
      request.id,
      account.agent.member_id,
      account.agent.parent_id,
      request.commission,
      agent_amount,
      parent_amount,
      request.commission - agent_amount - parent_amount,
      account.currency,
      commission.ledger_id,
      dayText(commission.day),
      commission.agent_settlement_id,
      commission.parent_settlement_id,
      made,
      changed === null ? made : instantText(changed.at_ms),
      by,
      changed?.by ?? by,
    ]);
  }
}
