import { expect } from "bun:test";
import { createHmac } from "node:crypto";
import type { TestApp } from "./app.ts";
import { collect, openSavings, type SavingsOptions } from "./savings.ts";
import type { Business } from "./fixtures.ts";

/** Secrets of the providers of tests: two without a form of their own, one with, and one of a business alone. */
export const webhookSecrets = {
  acme: "acme-secret-0123456789",
  other: "other-secret-0123456789",
  paystack: "sk_test_0123456789abcdef",
  bravo: "bravo-secret-0123456789",
} as const;

export const webhookEnvironment = {
  WEBHOOK_SECRETS: [
    `acme=${webhookSecrets.acme}`,
    `other=${webhookSecrets.other}`,
    `paystack=${webhookSecrets.paystack}`,
    `acme@BRAVO=${webhookSecrets.bravo}`,
    "acme@NOBODY=nobody-secret-0123456789",
  ].join(","),
  CHECKOUT_URLS:
    "card:acme=https://pay.example.com/{reference}?amount={amount}&currency={currency}&of={business}",
};

export const sign = (body: string | Uint8Array, secret: string): string =>
  createHmac("sha512", secret).update(body).digest("hex");

export type Answer = { event_id: string; result: string; reason: string | null };

/** An event in the canonical form; all of it has a default but what is paid. */
export type EventOptions = Readonly<{
  event_id?: string;
  type?: string;
  reference: string;
  amount: number;
  currency?: string;
}>;

export const eventOf = (options: EventOptions): string =>
  JSON.stringify({
    event_id: `evt_${crypto.randomUUID()}`,
    type: "payment.succeeded",
    currency: "NGN",
    paid_at: "2026-11-20T08:15:00.000Z",
    ...options,
  });

/** Sends a body as `acme`, signed, unless the headers say otherwise. */
export function deliver(
  api: TestApp,
  body: string | Uint8Array,
  { provider = "acme", headers }: { provider?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const signed = headers ?? { "x-signature": sign(body, webhookSecrets.acme) };
  return api.send("POST", `/api/v1/webhooks/${provider}`, {
    body,
    headers: { "content-type": "application/json", ...signed },
  });
}

/** Delivers an event and reads what became of it. */
export async function tell(api: TestApp, options: EventOptions): Promise<Answer> {
  const response = await deliver(api, eventOf(options));
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

export type Recorded = Readonly<{ savings_account_id: string; collection_id: string; amount: number }>;

/** A payment by card that `acme` has to confirm, into a new account of slots of 500.00. */
export async function recordPayment(
  api: TestApp,
  options: SavingsOptions & { count?: number; business?: Business; savings_account_id?: string } = {},
): Promise<Recorded> {
  const { count = 2, business = api.alpha, ...savings } = options;
  const savings_account_id =
    options.savings_account_id ?? (await openSavings(api.sql, business, savings)).savings_account_id;
  const [collected] = await collect(api.sql, business, [
    { savings_account_id, count, method: "card", provider: "acme" },
  ]);
  if (collected?.collection_id === null || collected === undefined)
    throw new Error(String(collected?.refusal));
  return { savings_account_id, collection_id: collected.collection_id, amount: 50_000 * count };
}

/** What became of an event that was delivered. */
export const answered = async (response: Promise<Response>): Promise<Answer> =>
  (await (await response).json()) as Answer;

type Saved = {
  status: string;
  markings_paid: number;
  collected: number;
  positions: number[] | null;
  balance: number;
};

/** How a savings account stands: in its row, its slots and the ledger. Minor units. */
export async function savedIn({ sql }: TestApp, savings_account_id: string): Promise<Saved> {
  const [row] = await sql`select a.status, a.markings_paid, a.collected::int,
      (select array_agg(m.position order by m.position) from savings.markings m
        where m.savings_account_id = a.id and m.reversed_at is null) as positions,
      (select sum(b.posted_credit - b.posted_debit)::int from ledger.balances b where b.account_id = a.id) as balance
    from savings.accounts a where a.id = ${savings_account_id}`;
  return row as Saved;
}

/**
 * Asserts that what providers owe by the books is what their events brought, and that all of it was credited to a
 * collection or is parked, and nothing waits. All currencies in one sum: none is exchanged.
 */
export async function expectPlaced({ sql }: TestApp): Promise<void> {
  const [sums] = await sql`
    select coalesce(sum(e.amount), 0)::int - (select coalesce(sum(c.amount), 0)::int from savings.collections c
        where c.provider is not null and c.reversal_id is not null) as events,
      (select coalesce(sum(b.posted_debit - b.posted_credit), 0)::int
       from ledger.balances b join ledger.accounts a on a.id = b.account_id
       where a.code like 'clearing:acme%' or a.code like 'clearing:paystack%') as owed,
      (select coalesce(sum(c.amount), 0)::int from savings.collections c
       where c.provider is not null and c.status = 'confirmed') as confirmed,
      (select coalesce(sum(b.posted_credit - b.posted_debit), 0)::int from ledger.balances b
       join ledger.accounts a on a.id = b.account_id where a.code like 'clearing:unapplied%') as parked,
      (select count(*)::int from savings.webhook_events w where w.result is null) as waiting
    from savings.webhook_events e where e.result in ('confirmed', 'parked')`;
  const { events, owed, confirmed, parked, waiting } = sums as Sums;
  expect({ owed, placed: confirmed + parked, waiting }).toEqual({ owed: events, placed: events, waiting: 0 });
}

type Sums = Record<"events" | "owed" | "confirmed" | "parked" | "waiting", number>;
