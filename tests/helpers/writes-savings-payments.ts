import type { Write } from "./every-write.ts";
import type { SavingsThings } from "./things-savings.ts";

type Send = (method: string, path: string, sent?: { body?: unknown }) => Promise<Response>;

const page = "savings.payment_requests.page";
const accounts = "savings.accounts.page";
const [ofCustomer, ofBusiness] = ["savings.metrics.customer", "savings.metrics.business"] as const;

/** Every write about payments of savings, each under a new key: see every-write.ts. */
export function ofPayments(
  by: Readonly<{ owner: Send; manager: Send }>,
  things: SavingsThings & { customer_id: string; agent_id: string },
): Write[] {
  return [...ofDestinations(by, things), ...ofRequests(by, things)];
}

const keepId = async (made: { id: string }, sent: Promise<Response>): Promise<Response> => {
  const response = await sent;
  Object.assign(made, await response.clone().json());
  return response;
};

function ofDestinations({ owner }: { owner: Send }, { customer_id }: { customer_id: string }): Write[] {
  const made = { id: "" };
  const body = { customer_id, bank_name: "Bank", account_number: "99887766", account_name: "Theirs" };
  return [
    {
      route: "POST /payment-destinations",
      send: () => keepId(made, owner("POST", "/payment-destinations", { body })),
      changes: ["savings.payment_destinations.page"],
    },
    {
      route: "DELETE /payment-destinations/{id}",
      send: () => owner("DELETE", `/payment-destinations/${made.id.toUpperCase()}`),
      changes: ["savings.payment_destinations.page"],
    },
  ];
}

function ofRequests(
  { owner, manager }: { owner: Send; manager: Send },
  { payments, agent_id }: SavingsThings & { agent_id: string },
): Write[] {
  const made = { id: "" };
  const savings_account_id = payments.payable_account_id.toUpperCase();
  const move = (action: string, body: object = {}) =>
    manager("POST", `/payment-requests/${payments.payment_request_id}/${action}`, { body });
  const figures = [page, ofCustomer, ofBusiness] as const;
  const one = ["savings.payment_request", page, ofCustomer] as const;
  const ask = () =>
    keepId(made, owner("POST", "/payment-requests", { body: { savings_account_id, method: "cash" } }));
  return [
    { route: "POST /payment-requests", send: ask, changes: [...figures, accounts] },
    {
      route: "POST /payment-requests/{id}/cancel",
      send: () => owner("POST", `/payment-requests/${made.id.toUpperCase()}/cancel`),
      changes: figures,
    },
    {
      route: "POST /payment-requests/{id}/reject",
      prepare: ask,
      send: () => manager("POST", `/payment-requests/${made.id}/reject`, { body: { reason: "Wrong" } }),
      changes: figures,
    },
    {
      route: "POST /payment-requests/{id}/approve",
      send: () => move("approve"),
      changes: [...one, ofBusiness],
    },
    { route: "POST /payment-requests/{id}/pay", what: "on its way", send: () => move("pay"), changes: one },
    {
      route: "POST /payment-requests/{id}/fail",
      send: () => move("fail", { failure_code: "closed" }),
      changes: one,
    },
    {
      route: "POST /payment-requests/{id}/pay",
      what: "arrived",
      prepare: () => move("approve"),
      send: () => move("pay", { provider_ref: "TRF-1" }),
      changes: [...one, ofBusiness, accounts, "savings.commissions.page"],
    },
    {
      route: "POST /commissions/settle",
      send: () => owner("POST", "/commissions/settle", { body: { agent_id, until: "2999-12-31" } }),
      changes: ["savings.commissions.page"],
    },
  ];
}
