import type { Desk, Write } from "./every-write.ts";

/** The writes of accounts of the bank, and of who sees them. */
export function ofAccounts({ api: { alpha }, byOwner, things }: Desk): Write[] {
  const account = `/accounts/${things.idOf("/api/v1/accounts/{id}")}`;
  const login = `/customers/${things.customer_id}/login`;
  const body = { reason: "Asked for" };
  const made = { id: "" };
  const shown = ["bank.account", "bank.accounts.page", "bank.overview.customer"];
  // Lists of a customer: without anything, before they are one.
  const ofLogin = [
    "core.customer",
    "core.customers.page",
    "bank.accounts.page",
    "bank.beneficiaries.page",
    "bank.transactions",
    "bank.transfers.page",
    "bank.wires.page",
    "bank.wires.stats",
    "savings.accounts.page",
    "savings.payment_destinations.page",
    "savings.payment_requests.page",
    "shop.dashboard.activity",
  ];
  return [
    {
      route: "PUT /customers/{id}/login",
      send: () => byOwner("PUT", login, { body: { member_id: alpha.people.customer.member_id } }),
      changes: ofLogin,
    },
    {
      route: "POST /accounts",
      send: async () => {
        const account = { customer_id: things.customer_id, type: "savings", currency: "NGN" };
        const response = await byOwner("POST", "/accounts", { body: account });
        Object.assign(made, await response.clone().json());
        return response;
      },
      changes: ["bank.accounts.page", "bank.overview.customer", "bank.wires.stats"],
    },
    {
      route: "PATCH /accounts/{id}",
      send: () =>
        byOwner("PATCH", account.toUpperCase().replace("/ACCOUNTS", "/accounts"), {
          body: { overdraft_limit: 700, nickname: "canary too" },
        }),
      changes: [...shown, "bank.balance"],
    },
    {
      route: "POST /accounts/{id}/freeze",
      send: () => byOwner("POST", `${account}/freeze`, { body }),
      changes: shown,
    },
    {
      route: "POST /accounts/{id}/unfreeze",
      send: () => byOwner("POST", `${account}/unfreeze`, { body }),
      changes: shown,
    },
    {
      route: "POST /accounts/{id}/activate",
      what: "of one that is active",
      send: () => byOwner("POST", `/accounts/${made.id}/activate`),
      changes: [],
    },
    {
      route: "POST /accounts/{id}/close",
      send: () => byOwner("POST", `/accounts/${made.id}/close`, { body }),
      changes: ["bank.accounts.page", "bank.overview.customer", "bank.wires.stats"],
    },
    {
      route: "DELETE /customers/{id}/login",
      send: () => byOwner("DELETE", login),
      changes: [
        ...ofLogin,
        "bank.account",
        "bank.account.transactions",
        "bank.balance",
        // Nobody's figures are shown to who is no customer.
        "savings.metrics.business",
      ],
    },
  ];
}
