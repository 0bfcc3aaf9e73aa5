import type { CollectionMethod, CollectionStatus, MemberRole } from "../../src/platform/enums.ts";
import type { TestApp } from "./app.ts";
import { makeCustomer } from "./bank.ts";
import type { ProblemBody } from "./problem.ts";
import { makeProduct, openSavings, type ProductOptions, type SavingsOptions } from "./savings.ts";
import { openCashDesk, read, rowOf, send } from "./savings-cash.ts";

/** What an answer says of a collection. Amounts in minor units. */
export type Collection = {
  id: string;
  receipt_no: string;
  savings_account_id: string;
  agent_id: string;
  amount: number;
  markings: number;
  amounts: number[] | null;
  positions: number[];
  method: CollectionMethod;
  status: CollectionStatus;
  client_ref: string;
  business_date: string;
  remittance_id: string | null;
  provider: string | null;
  provider_ref: string | null;
  checkout_url: string | null;
  confirmed_at: string | null;
  reversed_by: string | null;
  reversal_reason: string | null;
  version: number;
};

/** What a batch is answered. */
export type BatchAnswer = {
  results: { client_ref: string; status: number; collection?: Collection; problem?: ProblemBody }[];
};

/** What is sent of a visit. */
export type VisitBody = Readonly<{
  count?: number | undefined;
  amounts?: readonly number[];
  method: CollectionMethod;
  client_ref: string;
  collected_at: string;
}>;

/** A visit of a second ago: one marking in cash, unless it says otherwise. */
export const visitOf = (visit: Partial<VisitBody> = {}): VisitBody => ({
  ...(visit.amounts === undefined ? { count: 1 } : {}),
  method: "cash",
  client_ref: crypto.randomUUID(),
  collected_at: new Date(Date.now() - 1_000).toISOString(),
  ...visit,
});

/** Where visits are tested: whoever is not named is the agent. */
export type Desk = Readonly<{
  /** Of the person who is logged in as a customer. */
  customer_id: string;
  /** Opens an account of 31 slots of 100, unless product or account say otherwise. */
  open(product?: ProductOptions, account?: SavingsOptions): Promise<{ id: string; tracking_number: string }>;
  /** Opens so many accounts of one product. Returns their ids. */
  openMany(count: number, product?: ProductOptions): Promise<string[]>;
  collect(savings_account_id: string, visit: object, by?: MemberRole): Promise<Response>;
  /** Collects, which must succeed. */
  mark(savings_account_id: string, visit?: Partial<VisitBody>, by?: MemberRole): Promise<Collection>;
  batch(items: readonly object[], options?: { atomic?: boolean; by?: MemberRole }): Promise<Response>;
  tryReverse(
    collection_id: string,
    by: MemberRole,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  /** Reverses, which must succeed. */
  reverse(collection_id: string, by?: MemberRole): Promise<Collection>;
  /** An expense of a member's, paid from the cash they collected, and approved by the owner. */
  spend(by: MemberRole, amount: number): Promise<void>;
  account(savings_account_id: string): Promise<Record<string, unknown>>;
  read<T>(path: string, by?: MemberRole): Promise<T>;
  /** Hands over a remittance of the sub-agent's or agent's, and counts what is expected. */
  handOver(remittance_id: string, by?: MemberRole): Promise<void>;
  /** Sets how much cash an agent may hold, minor units; null: as much as comes. */
  ceiling(amount: number | null): Promise<void>;
}>;

/** Opens a desk in the first business of an app. */
export async function openDesk(api: TestApp): Promise<Desk> {
  const { alpha, sql } = api;
  const cash = await openCashDesk(api);
  const customer_id = await makeCustomer(sql, alpha, { user_id: alpha.people.customer.user_id });
  const keyed = (path: string, body: object, by: MemberRole) =>
    send(cash, path, { by, body, key: crypto.randomUUID() });
  const collect: Desk["collect"] = (id, visit, by = "agent") => keyed(`/savings/${id}/markings`, visit, by);
  const tryReverse: Desk["tryReverse"] = async (id, by, headers = {}) =>
    api.send("POST", `/api/v1/collections/${id}/reverse`, {
      token: cash.token[by],
      body: { reason: "Wrong card" },
      headers: { "idempotency-key": crypto.randomUUID(), ...headers },
    });
  return {
    customer_id,
    async open(product = {}, account = {}) {
      const product_id = await makeProduct(sql, alpha, product);
      const made = await openSavings(sql, alpha, { product_id, marking_amount: 100, ...account });
      return { id: made.savings_account_id, tracking_number: made.tracking_number };
    },
    async openMany(count, product = {}) {
      const product_id = await makeProduct(sql, alpha, product);
      const made: string[] = [];
      for (let n = 0; n < count; n += 1) {
        made.push((await openSavings(sql, alpha, { product_id, marking_amount: 100 })).savings_account_id);
      }
      return made;
    },
    collect,
    mark: (id, visit = {}, by = "agent") => rowOf<Collection>(collect(id, visitOf(visit), by), 201),
    batch: (items, { atomic = false, by = "agent" } = {}) =>
      keyed("/collections/batch", { atomic, items }, by),
    tryReverse,
    reverse: (id, by = "agent") => rowOf<Collection>(tryReverse(id, by)),
    async account(id) {
      const [row] =
        await sql`select status, markings_paid, markings_total, collected::int, cycles, ends_on::text
        from savings.accounts where id = ${id}`;
      return row as Record<string, unknown>;
    },
    async spend(by, amount) {
      const body = { category: "transport", amount, paid_from: "agent_cash" };
      const { id } = await rowOf<{ id: string }>(keyed("/expenses", body, by), 201);
      await rowOf(send(cash, `/expenses/${id}/approve`, { by: "owner" }));
    },
    read: (path, by = "agent") => read(cash, path, by),
    async handOver(id, by = "sub_agent") {
      const [{ expected }] = await sql`select expected::int from savings.remittances where id = ${id}`;
      await rowOf(send(cash, `/remittances/${id}/submit`, { by, body: { declared: expected } }));
      await rowOf(send(cash, `/remittances/${id}/confirm`, { by: "owner", body: { counted: expected } }));
    },
    async ceiling(amount) {
      await sql`insert into core.settings (business_id, key, value)
        values (${alpha.id}, 'savings.agent_cash_ceiling', ${JSON.stringify(amount)}::text::jsonb)
        on conflict (business_id, key) do update set value = excluded.value`;
    },
  };
}
