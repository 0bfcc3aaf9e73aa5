import { expect } from "bun:test";
import {
  type PaymentRequestAction,
  type PaymentRequestMove,
  paymentRequestMoves,
} from "../../src/savings/payment-request-moves.ts";
import type { MemberRole, PaymentMethod, PaymentRequestStatus } from "../../src/platform/enums.ts";
import type { TestApp } from "./app.ts";
import {
  collect,
  makeProduct,
  openSavings,
  type ProductOptions,
  type SavingsOptions,
  type TestSavings,
} from "./savings.ts";

/** The moves of a request to a bank, which is what most tests make. */
export const bankMoves = (paymentRequestMoves as readonly PaymentRequestMove[]).filter(
  ({ methods }) => methods === undefined || methods.includes("bank"),
);

/** What an answer says of a payment request, as far as tests look into it. */
export type PaymentRequest = {
  id: string;
  status: PaymentRequestStatus;
  reference: string;
  savings_account_id: string;
  customer_id: string;
  agent_id: string;
  gross: number;
  commission: number;
  fees: number;
  net: number;
  agent_amount: number | null;
  parent_agent_id: string | null;
  parent_amount: number | null;
  requested_by: string;
  decided_by: string | null;
  paid_by: string | null;
  reason: string | null;
  failure_code: string | null;
  provider_ref: string | null;
  ledger_transaction_id: string | null;
  version: number;
};

/** Who asks and decides: a token for every role of the first business. */
export type PaymentDesk = Readonly<{ api: TestApp; token: Readonly<Record<MemberRole, string>> }>;

export async function openPaymentDesk(api: TestApp): Promise<PaymentDesk> {
  const tokens = Object.values(api.alpha.people).map(
    async (person) => [person.role, await api.token(person)] as const,
  );
  return {
    api,
    token: Object.fromEntries(await Promise.all(tokens)) as Record<MemberRole, string>,
  };
}

/** An account with so many markings (or these amounts), by default three of a product of four slots at 100.00. */
export async function openFilled(
  { api: { sql, alpha } }: PaymentDesk,
  {
    markings = 3,
    product = {},
    ...options
  }: { markings?: number | readonly number[]; product?: ProductOptions } & SavingsOptions = {},
): Promise<TestSavings> {
  const product_id = options.product_id ?? (await makeProduct(sql, alpha, { cycle_markings: 4, ...product }));
  const account = await openSavings(sql, alpha, { marking_amount: 10_000, ...options, product_id });
  const { savings_account_id } = account;
  if (markings === 0) return account;
  const visit = typeof markings === "number" ? { count: markings } : { amounts: markings };
  const [collected] = await collect(sql, alpha, [{ savings_account_id, ...visit }]);
  expect(collected).toMatchObject({ refusal: null });
  return account;
}

/** A destination of a customer at another bank, straight in the database. */
export async function makeDestination(
  { api: { sql, alpha } }: PaymentDesk,
  customer_id: string,
): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`insert into savings.payment_destinations (business_id, id, customer_id, bank_name, account_number, account_name)
    values (${alpha.id}, ${id}, ${customer_id}, 'Bank', ${id.slice(-12).toUpperCase()}, 'Adaeze Okafor')`;
  return id;
}

type Asked = Readonly<{
  by?: MemberRole;
  method?: PaymentMethod;
  destination_id?: string;
  key?: string;
}>;

/** Asks for what an account has saved. Default: the agent, in cash. */
export const requestPayment = (
  { api, token }: PaymentDesk,
  savings_account_id: string,
  { by = "agent", method = "cash", destination_id, key = crypto.randomUUID() }: Asked = {},
): Promise<Response> =>
  api.send("POST", "/api/v1/payment-requests", {
    token: token[by],
    headers: { "idempotency-key": key },
    body: { savings_account_id, method, ...(destination_id === undefined ? {} : { destination_id }) },
  });

/** A request of a new account, which must succeed. */
export async function makePaymentRequest(
  desk: PaymentDesk,
  asked: Asked & Parameters<typeof openFilled>[1] = {},
): Promise<PaymentRequest> {
  const account = await openFilled(desk, asked);
  const destination_id =
    asked.method === "bank" ? await makeDestination(desk, account.customer_id) : asked.destination_id;
  const response = await requestPayment(desk, account.savings_account_id, {
    ...asked,
    ...(destination_id === undefined ? {} : { destination_id }),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as PaymentRequest;
}

/** What an action is sent with where a test does not say it. */
const bodies: Readonly<Record<PaymentRequestAction, object>> = {
  approve: {},
  reject: { reason: "Because" },
  cancel: {},
  pay: {},
  fail: { failure_code: "no_such_account" },
};

/** Sends a decision. Default: by the manager, whatever the version. */
export const decidePayment = (
  { api, token }: PaymentDesk,
  id: string,
  action: PaymentRequestAction,
  { by = "manager", version = "*", body }: { by?: MemberRole; version?: string; body?: object } = {},
): Promise<Response> =>
  api.send("POST", `/api/v1/payment-requests/${id}/${action}`, {
    token: token[by],
    headers: { "if-match": version, "idempotency-key": crypto.randomUUID() },
    body: body ?? bodies[action],
  });

/** Makes moves one after the other, each of which must succeed. */
export async function follow(
  desk: PaymentDesk,
  request: PaymentRequest,
  ...actions: PaymentRequestAction[]
): Promise<PaymentRequest> {
  let moved = request;
  for (const action of actions) {
    const response = await decidePayment(desk, request.id, action, {
      by: action === "cancel" ? "agent" : "manager",
    });
    expect(response.status).toBe(200);
    moved = (await response.json()) as PaymentRequest;
  }
  return moved;
}

/** Who makes a move in tests, and with what: requests are made by the agent, to a bank. */
export const sentFor = ({ action, maker, settled }: PaymentRequestMove) => ({
  by: maker === "only" ? ("agent" as const) : ("manager" as const),
  body: settled === true ? { provider_ref: "TRF-1" } : bodies[action as PaymentRequestAction],
});

/** Makes a request to a bank and brings it into a status. */
export async function makePaymentRequestIn(
  desk: PaymentDesk,
  status: PaymentRequestStatus,
): Promise<PaymentRequest> {
  const paths = new Map<PaymentRequestStatus, PaymentRequestMove[]>([["pending", []]]);
  // A map is walked in the order in which it grows: breadth first.
  for (const [reached, path] of paths)
    for (const move of bankMoves)
      if (move.from === reached && !paths.has(move.to)) paths.set(move.to, [...path, move]);
  let request = await makePaymentRequest(desk, { method: "bank" });
  for (const move of paths.get(status) ?? []) {
    const action = move.action as PaymentRequestAction;
    const response = await decidePayment(desk, request.id, action, sentFor(move));
    expect(response.status).toBe(200);
    request = (await response.json()) as PaymentRequest;
  }
  expect(request.status).toBe(status);
  return request;
}

/** Where requests, accounts, holds, commissions and the ledger of the business contradict one another; empty: nowhere. */
export async function brokenPayments({ api: { sql, alpha } }: PaymentDesk): Promise<unknown[]> {
  return await sql`
    with request as (
      select r.*, a.status as account_status, a.collected, l.posted, l.available, e.phase as ended,
        r.status in ('pending', 'approved', 'paying', 'failed') as is_held,
        (select count(*) from savings.commissions c where c.payment_request_id = r.id) as commissions
      from savings.payment_requests r
      join savings.accounts a on a.business_id = r.business_id and a.id = r.savings_account_id
      join ledger.account_balances l on l.business_id = a.business_id and l.id = a.id
      left join ledger.transactions e on e.business_id = r.business_id and e.pending_id = r.id
      where r.business_id = ${alpha.id}),
    house as (
      select b.code, b.posted from ledger.account_balances b where b.business_id = ${alpha.id})
    select 'hold' as part, r.id::text as broken from request r
    where r.ended is distinct from case when r.status = 'paid' then 'post'
      when r.status in ('rejected', 'cancelled') then 'void' end::ledger.phase
    union all select 'commission', r.id::text from request r
    where r.commissions <> case when r.status = 'paid' and r.commission > 0 then 1 else 0 end
    union all select 'account', a.id::text from savings.accounts a
    join ledger.account_balances l on l.business_id = a.business_id and l.id = a.id
    cross join lateral (
      select count(*) filter (where r.status = 'paid') as paid, coalesce(sum(r.gross) filter (where r.is_held), 0) as held
      from request r where r.savings_account_id = a.id) r
    where a.business_id = ${alpha.id} and ((a.status = 'paid_out') <> (r.paid = 1)
      or l.posted <> case when r.paid = 1 then 0 else a.collected end or l.available <> l.posted - r.held)
    union all select 'clearing', h.posted::text from house h where h.code = 'clearing:payments' and h.posted <> 0
    union all select 'house', h.posted::text from house h where h.code = 'income:commission'
      and h.posted <> (select coalesce(sum(c.house_amount), 0) from savings.commissions c where c.business_id = ${alpha.id})
    union all select 'agent', g.id::text from savings.agents g
    join ledger.account_balances l on l.business_id = g.business_id and l.id = g.commission_id
    where g.business_id = ${alpha.id} and l.posted <> (
      select coalesce(sum(c.agent_amount) filter (where c.agent_id = g.id and c.agent_settlement_id is null), 0)
        + coalesce(sum(c.parent_amount) filter (where c.parent_agent_id = g.id and c.parent_settlement_id is null), 0)
      from savings.commissions c where c.business_id = g.business_id)`;
}
