import type { Desk, Write } from "./every-write.ts";

/** The writes of savings products and accounts. */
export function ofSavingsAccounts({ api: { alpha }, byOwner, things }: Desk): Write[] {
  const { product_id, savings_account_id } = things.savings;
  const account = `/savings/${savings_account_id}`;
  const made = { id: "" };
  const list = "savings.accounts.page";
  const shown = ["savings.account", list];
  const [ofBusiness, ofCustomer] = ["savings.metrics.business", "savings.metrics.customer"] as const;
  return [
    {
      route: "POST /savings-products",
      send: async () => {
        const response = await byOwner("POST", "/savings-products", { body: { name: "For a rainy day" } });
        Object.assign(made, await response.clone().json());
        return response;
      },
      changes: ["savings.products.page"],
    },
    {
      route: "PATCH /savings-products/{id}",
      send: () =>
        byOwner("PATCH", `/savings-products/${product_id.toUpperCase()}`, { body: { commission_cap: 7 } }),
      changes: ["savings.product", "savings.products.page"],
    },
    {
      route: "POST /savings",
      send: () => {
        const { customer_id } = things;
        const starts_on = new Date().toISOString().slice(0, 10);
        const body = { customer_id, product_id: made.id, marking_amount: 5, starts_on };
        return byOwner("POST", "/savings", { body });
      },
      changes: [list, ofBusiness, ofCustomer],
    },
    {
      route: "PATCH /savings/{id}",
      send: () =>
        byOwner("PATCH", account.toUpperCase().replace("/SAVINGS", "/savings"), {
          body: { agent_id: alpha.people.manager.member_id },
        }),
      changes: [...shown, ofBusiness],
    },
    {
      route: "POST /savings/{id}/extend",
      send: () => byOwner("POST", `${account}/extend`, { body: { cycles: 1 } }),
      changes: [...shown, "savings.markings", ofCustomer],
    },
    {
      route: "POST /savings/{id}/close",
      send: () => byOwner("POST", `${account}/close`, { body: { reason: "Asked for" } }),
      changes: [...shown, "savings.markings", ofBusiness, ofCustomer],
    },
    {
      route: "POST /savings/{id}/renew",
      send: () => byOwner("POST", `${account}/renew`, { body: {} }),
      changes: [list, ofBusiness, ofCustomer],
    },
    {
      route: "POST /savings/import",
      send: () =>
        byOwner("POST", "/savings/import", {
          body: `customer_code,product,marking_amount,starts_on\nSAVER,For a rainy day,9,${new Date().toISOString().slice(0, 10)}\n`,
          headers: { "content-type": "text/csv" },
        }),
      prepare: async () => {
        const body = { name: "Saver", code: "SAVER" };
        await byOwner("POST", "/customers", { body });
      },
      changes: [list, ofBusiness],
    },
  ];
}
