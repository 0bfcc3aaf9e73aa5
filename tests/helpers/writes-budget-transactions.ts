import type { Desk, Write } from "./every-write.ts";
import { ofEveryBudgetWrite } from "./writes-budget.ts";

const everywhere = [
  "budget.transactions.page",
  "budget.spending",
  ...ofEveryBudgetWrite,
  "budget.allocations",
  "budget.allocations.summary",
  "budget.allocations.history",
  "budget.monthly",
] as const;

/** What the owner writes into a budget, and what it changes of what is cached: see every-write.ts. */
export function ofBudgetTransactions({ byOwner, things: { budget } }: Desk): Write[] {
  const path = `/budgets/${budget.budget_id.toUpperCase()}/transactions`;
  const one = `${path}/${budget.transaction_id.toUpperCase()}`;
  const body = { amount: -700, occurred_on: "2026-01-06", category_id: budget.category_id };
  const route = "/budgets/{id}/transactions";
  return [
    { route: `POST ${route}`, send: () => byOwner("POST", path, { body }), changes: [...everywhere] },
    {
      route: `POST ${route}/batch`,
      send: () => byOwner("POST", `${path}/batch`, { body: { items: [body, body] } }),
      changes: [...everywhere],
    },
    {
      route: `POST ${route}/import`,
      send: () =>
        byOwner("POST", `${path}/import`, {
          body: "occurred_on,amount,category\n2026-01-07,-7,health\n",
          headers: { "content-type": "text/csv" },
        }),
      changes: [...everywhere],
    },
    {
      route: `POST ${route}/import-ledger`,
      send: () => byOwner("POST", `${path}/import-ledger`, { body: { account_id: budget.account_id } }),
      // Of a month that the views are not asked for.
      changes: ["budget.transactions.page", "budget.spending", ...ofEveryBudgetWrite],
    },
    {
      route: `PATCH ${route}/{transaction_id}`,
      send: () => byOwner("PATCH", one, { body: { amount: -900, memo: "canary" } }),
      changes: ["budget.transaction", ...everywhere],
    },
    {
      route: `DELETE ${route}/{transaction_id}`,
      send: () => byOwner("DELETE", one),
      changes: ["budget.transaction", ...everywhere],
    },
  ];
}
