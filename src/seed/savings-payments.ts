import type { PaymentRequestStatus } from "../platform/enums.ts";
import type { Account } from "./accounts.ts";
import { line, type Line } from "./books.ts";
import { idAt } from "./ids.ts";
import { localDay } from "./local-time.ts";
import type { SavingsAccount, SavingsAccounts } from "./savings-accounts.ts";
import type { Cash } from "./savings-cash.ts";
import type { Commissions } from "./savings-commissions.ts";
import { type Desk, hour_ms } from "./savings-desk.ts";
import { destinationRow, type Request, requestRow } from "./savings-request-rows.ts";
import { type RequestStory, requestStories } from "./savings-stories.ts";
import { commonTerms, settle } from "./savings-terms.ts";

/** Writes what customers are paid back: requests with their holds, and what became of them. */
export class Payments {
  readonly #desk: Desk;
  readonly #cash: Cash;
  readonly #accounts: SavingsAccounts;
  readonly #commissions: Commissions;
  readonly #wallets: ReadonlyMap<string, Account>;
  readonly #onPaid: (account: SavingsAccount) => void;
  /** Accounts and requests of customers, where they are paid to another bank or a wallet. */
  readonly #destinations = new Map<string, string>();
  /** Those that are not paid, with their account. */
  readonly #requests = new Map<SavingsAccount, Request[]>();
  #stayed = 0;
  /** Accounts that were closed before they were full. */
  #early = 0;

  constructor(
    desk: Desk,
    with_: Readonly<{
      cash: Cash;
      accounts: SavingsAccounts;
      commissions: Commissions;
      wallets: ReadonlyMap<string, Account>;
      onPaid: (account: SavingsAccount) => void;
    }>,
  ) {
    this.#desk = desk;
    this.#cash = with_.cash;
    this.#accounts = with_.accounts;
    this.#commissions = with_.commissions;
    this.#wallets = with_.wallets;
    this.#onPaid = with_.onPaid;
  }

  /** Somebody asks for the money of an account some hours later, where there is any; some never do. */
  invite(account: SavingsAccount, since_ms: number): void {
    const { agenda, random } = this.#desk;
    const isEarly = account.status === "closed_early";
    const isLeft = isEarly ? this.#early++ % 3 === 0 : random.evenly("unclaimed", 0.06);
    if (isLeft && account.index > 0) return;
    const at_ms = this.#desk.atWork(since_ms + random.between(2, 40) * hour_ms);
    agenda.add(at_ms, () => this.ask(account, at_ms));
  }

  /** Asks for what an account has; one that is active is closed by it. */
  ask(account: SavingsAccount, at_ms: number): void {
    const { random, business } = this.#desk;
    const { plan, people } = business;
    if (account.status === "active" && account.paid < commonTerms.min_markings_before_payment) return;
    if (account.awaits > 0) {
      const later_ms = this.#desk.atWork(at_ms + 26 * hour_ms);
      this.#desk.agenda.add(later_ms, () => this.ask(account, later_ms));
      return;
    }
    const day = localDay(
      account.status === "closed_early" ? (account.closed_ms ?? at_ms) : at_ms,
      plan.timezone,
    );
    const settled = settle(account, day);
    if (settled.net <= 0) return;
    const own = people.get("customer")?.user_id;
    const isOwn = account.customer_id === business.customers[0] && own !== undefined;
    const story = this.#draw(account, at_ms);
    const parent_bps = account.agent.parent_id === null ? 0 : commonTerms.parent_share_bps;
    const share = (bps: number) =>
      Math.floor((settled.commission * commonTerms.agent_share_bps * bps) / 100_000_000);
    const request: Request = {
      id: idAt(at_ms, random),
      account,
      made_ms: at_ms,
      requested_by: isOwn ? own : account.agent.user_id,
      method: story.method,
      destination_id: story.method === "cash" ? null : this.#destination(account, story.method, at_ms),
      ...settled,
      agent_amount: share(10_000 - parent_bps),
      parent_amount: share(parent_bps),
      reference: `PR-${idAt(at_ms, random).slice(-12).toUpperCase()}`,
      status: "pending",
      decided: null,
      paid: null,
      reason: null,
      failure_code: null,
      provider_ref: null,
      ledger_id: null,
      version: 1,
      updated_ms: at_ms,
      updated_by: null,
      lines: [],
    };
    if (account.status === "active") {
      const closed = { status: "closed_early", closed_ms: at_ms, reason: "A payment was requested" } as const;
      this.#accounts.change(account, closed, at_ms);
      this.#accounts.release(account);
    }
    this.#requests.set(account, [...(this.#requests.get(account) ?? []), request]);
    this.#hold(request);
    this.#tell(request, story);
  }

  #draw(
    account: SavingsAccount,
    at_ms: number,
  ): { story: RequestStory; stays: PaymentRequestStatus | null; method: Request["method"] } {
    const { random, business } = this.#desk;
    const { timezone, savings } = business.plan;
    const isLast =
      savings.stays !== null && this.#desk.daysAgo(localDay(at_ms, timezone)) <= savings.stays.request_days;
    const stays = isLast ? (savings.stays?.requests[this.#stayed++] ?? null) : null;
    const wallet = this.#wallets.get(account.customer_id);
    if (stays === null && wallet !== undefined && wallet.opened_ms < at_ms && random.evenly("wallet", 0.6))
      return { story: "counter", stays, method: "wallet" };
    const story: RequestStory =
      stays === "rejected" || stays === "cancelled" || stays === "failed"
        ? stays
        : stays === "approved" || stays === "paying"
          ? "bank"
          : stays === null
            ? this.#story()
            : "counter";
    return { story, stays, method: story === "bank" || story === "failed" ? "bank" : "cash" };
  }

  #story(): RequestStory {
    const { random } = this.#desk;
    if (random.evenly("rejected", 0.08)) return "rejected";
    if (random.evenly("cancelled", 0.06)) return "cancelled";
    if (random.evenly("failed", 0.03)) return "failed";
    return random.evenly("bank", 0.35) ? "bank" : "counter";
  }

  #destination(account: SavingsAccount, method: "bank" | "wallet", at_ms: number): string {
    const { customer_id } = account;
    const key = `${customer_id}/${method}`;
    const found = this.#destinations.get(key);
    if (found !== undefined) return found;
    const wallet = method === "wallet" ? (this.#wallets.get(customer_id) ?? null) : null;
    const id = idAt(at_ms, this.#desk.random);
    this.#desk.rows.add(
      "savings.payment_destinations",
      destinationRow(this.#desk, { id, account, wallet, at_ms }),
    );
    this.#destinations.set(key, id);
    return id;
  }

  /** As savings.hold_payment of 0029. */
  #hold(request: Request): void {
    const { books, business, random } = this.#desk;
    const { account, commission, fees, agent_amount, parent_amount } = request;
    const { currency } = business.plan;
    const { agent } = account;
    const collector = this.#cash.collector(agent, request.made_ms);
    const lines: Line[] = [
      line(account, "debit", request.gross),
      line(books.house("clearing:payments", currency, random), "credit", request.net),
      line(collector.commission, "credit", agent_amount),
    ];
    const above = business.agents.find(({ member_id }) => member_id === agent.parent_id);
    if (above !== undefined && parent_amount > 0)
      lines.push(line(this.#cash.collector(above, request.made_ms).commission, "credit", parent_amount));
    const house_amount = commission - agent_amount - parent_amount;
    lines.push(line(books.house("income:commission", currency, random), "credit", house_amount));
    lines.push(line(books.house("income:fees", currency, random), "credit", fees));
    request.lines = lines.filter(({ amount }) => amount > 0);
    const source = ["savings.account", account.account_id] as const;
    const posting = {
      id: request.id,
      at_ms: request.made_ms,
      by: request.requested_by,
      phase: "pending",
      source,
    } as const;
    books.post({ ...posting, kind: "savings.payment" }, request.lines);
  }

  #tell(
    request: Request,
    { story, stays }: { story: RequestStory; stays: PaymentRequestStatus | null },
  ): void {
    const { agenda } = this.#desk;
    if (stays === "pending") return;
    let at_ms = request.made_ms;
    for (const step of requestStories[story]) {
      at_ms = this.#desk.atWork(at_ms + step.after_ms);
      const due_ms = at_ms;
      agenda.add(due_ms, () => {
        this.#move(request, step.to, due_ms);
        const isOver = step.to === "rejected" || step.to === "cancelled";
        if (isOver && stays === null) this.invite(request.account, due_ms);
      });
      if (step.to === stays) return;
    }
  }

  /** As savings.move_payment_request of 0029. */
  #move(request: Request, to: PaymentRequestStatus, at_ms: number): void {
    const { books, random, manager, admin } = this.#desk;
    const isDecision = to === "approved" || to === "rejected";
    const by = to === "cancelled" ? request.requested_by : isDecision ? manager.user_id : admin.user_id;
    if (isDecision) request.decided = { by, at_ms };
    if (to === "paying" || to === "paid") request.paid = { by, at_ms: to === "paid" ? at_ms : null };
    else if (request.paid !== null) request.paid = { by: request.paid.by, at_ms: null };
    request.reason = to === "rejected" ? "The card was not shown" : null;
    request.failure_code = to === "failed" ? "account_closed" : null;
    if (to === "rejected" || to === "cancelled") {
      const source = ["savings.account", request.account.account_id] as const;
      const posting = { id: idAt(at_ms, random), kind: "savings.payment", at_ms, by, source } as const;
      books.post({ ...posting, phase: "void", pending_id: request.id }, request.lines);
    }
    Object.assign(request, { status: to, version: request.version + 1, updated_ms: at_ms, updated_by: by });
    if (to === "paid") this.#pay(request, at_ms, by);
  }

  /** As savings.pay of 0029: the hold is posted, and what is owed goes out. */
  #pay(request: Request, at_ms: number, by: string): void {
    const { books, business, random } = this.#desk;
    const { account, method, net } = request;
    const { currency, timezone } = business.plan;
    const posting = { kind: "savings.payment", at_ms, by };
    const posted_id = idAt(at_ms, random);
    const held = {
      phase: "post",
      pending_id: request.id,
      source: ["savings.account", account.account_id],
    } as const;
    books.post({ ...posting, id: posted_id, ...held }, request.lines);
    const wallet = method === "wallet" ? this.#wallets.get(account.customer_id) : undefined;
    const target =
      wallet ?? books.house(method === "bank" ? "clearing:bank" : "cash:vault", currency, random);
    request.ledger_id = idAt(at_ms, random);
    if (method === "bank") request.provider_ref = `TRF${request.reference.slice(3)}`;
    const paid = { source: ["savings.payment_request", request.id], description: request.reference } as const;
    books.post({ ...posting, id: request.ledger_id, ...paid }, [
      line(books.house("clearing:payments", currency, random), "debit", net),
      line(target, "credit", net),
    ]);
    const day = localDay(at_ms, timezone);
    this.#commissions.earn(request, { ledger_id: posted_id, at_ms, day, by });
    this.#accounts.change(account, { status: "paid_out", closed_ms: account.closed_ms ?? at_ms }, at_ms);
    this.write(account);
    this.#onPaid(account);
  }

  /** Writes the requests of an account, as they are in the end. */
  write(account: SavingsAccount): void {
    const { rows } = this.#desk;
    for (const request of this.#requests.get(account) ?? [])
      rows.add("savings.payment_requests", requestRow(this.#desk, request));
    this.#requests.delete(account);
  }
}
