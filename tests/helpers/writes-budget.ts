import type { Desk, Write } from "./every-write.ts";

/** Every write below a budget gives it another version, and its months say which. */
export const ofEveryBudgetWrite = [
  "budget.budget",
  "budget.budgets.page",
  "budget.month",
  "budget.months",
] as const;

const views = [
  "budget.allocations",
  "budget.allocations.summary",
  "budget.allocations.history",
  "budget.monthly",
] as const;
const planned = [...ofEveryBudgetWrite, ...views] as const;

/** Makes something, and remembers its id for what changes and removes it. */
function making({ byOwner }: Desk, path: string, body: () => object) {
  const made = { id: "" };
  const send = async () => {
    const response = await byOwner("POST", path, { body: body() });
    Object.assign(made, await response.clone().json());
    return response;
  };
  return { made, send };
}

/** What the owner writes about budgets, their categories and months, and what it changes: see every-write.ts. */
export function ofBudgets(desk: Desk): Write[] {
  return [...ofGroups(desk), ...ofCategories(desk), ...ofMonths(desk), ...ofBudgetsThemselves(desk)];
}

function ofGroups(desk: Desk): Write[] {
  const { byOwner, things } = desk;
  const { budget_id, group_id } = things.budget;
  const path = `/budgets/${budget_id.toUpperCase()}/category-groups`;
  const route = "/budgets/{id}/category-groups";
  const { made, send } = making(desk, path, () => ({ name: "travel", target_bps: 100 }));
  // Its target is of no income, and the sums have its basis points.
  const shown = [
    ...ofEveryBudgetWrite,
    "budget.groups.page",
    "budget.allocations",
    "budget.allocations.summary",
  ];
  return [
    { route: `POST ${route}`, send, changes: shown },
    {
      route: `PATCH ${route}/{group_id}`,
      send: () => byOwner("PATCH", `${path}/${group_id.toUpperCase()}`, { body: { target_bps: 4_000 } }),
      changes: [...shown, "budget.group"],
    },
    {
      route: `DELETE ${route}/{group_id}`,
      send: () => byOwner("DELETE", `${path}/${made.id.toUpperCase()}`),
      changes: shown,
    },
  ];
}

function ofCategories(desk: Desk): Write[] {
  const { byOwner, things } = desk;
  const { budget_id, group_id, category_id } = things.budget;
  const path = `/budgets/${budget_id.toUpperCase()}/categories`;
  const route = "/budgets/{id}/categories";
  const first = making(desk, path, () => ({ group_id, name: "Fares" }));
  const second = making(desk, path, () => ({ group_id, name: "Tickets" }));
  const shown = [...ofEveryBudgetWrite, "budget.categories.page"];
  return [
    { route: `POST ${route}`, send: first.send, changes: shown },
    { route: `POST ${route}`, what: "another", send: second.send, changes: shown },
    {
      route: `PATCH ${route}/{category_id}`,
      send: () =>
        byOwner("PATCH", `${path}/${category_id.toUpperCase()}`, { body: { rollover: "carry_all" } }),
      changes: [...shown, "budget.category"],
    },
    {
      route: `POST ${route}/{category_id}/merge`,
      send: () =>
        byOwner("POST", `${path}/${first.made.id.toUpperCase()}/merge`, { body: { into: category_id } }),
      changes: shown,
    },
    {
      route: `DELETE ${route}/{category_id}`,
      send: () => byOwner("DELETE", `${path}/${second.made.id.toUpperCase()}`),
      changes: shown,
    },
  ];
}

function ofMonths({ byOwner, things }: Desk): Write[] {
  const { budget_id, category_id, other_category_id } = things.budget;
  const path = `/budgets/${budget_id.toUpperCase()}/months`;
  const route = "/budgets/{id}/months/{month}";
  const one = { category_id, planned: 9_000 };
  return [
    {
      route: `PATCH ${route}`,
      send: () => byOwner("PATCH", `${path}/2026-01`, { body: { items: [one] } }),
      changes: planned,
    },
    {
      route: `PUT ${route}/categories/{category_id}`,
      send: () =>
        byOwner("PUT", `${path}/2026-01/categories/${category_id.toUpperCase()}`, { body: { planned: 800 } }),
      changes: planned,
    },
    {
      route: `POST ${route}/move`,
      send: () =>
        byOwner("POST", `${path}/2026-01/move`, {
          body: { from: category_id, to: other_category_id, amount: 30 },
        }),
      // What all groups have together stays.
      changes: [...ofEveryBudgetWrite, "budget.allocations"],
    },
    {
      route: `POST ${route}/auto-assign`,
      send: () => byOwner("POST", `${path}/2026-01/auto-assign`, { body: { by: "up_to", amount: 7_000 } }),
      changes: planned,
    },
    {
      route: `POST ${route}/copy-last-month`,
      send: () => byOwner("POST", `${path}/2026-02/copy-last-month`),
      changes: ofEveryBudgetWrite,
    },
    {
      route: `PUT ${route}/hold`,
      send: () => byOwner("PUT", `${path}/2026-01/hold`, { body: { held: 777 } }),
      changes: [...ofEveryBudgetWrite, "budget.monthly"],
    },
  ];
}

function ofBudgetsThemselves(desk: Desk): Write[] {
  const { byOwner, things } = desk;
  const path = `/budgets/${things.budget.budget_id.toUpperCase()}`;
  const { made, send } = making(desk, "/budgets", () => ({ name: "Second", first_month: "2025-01" }));
  return [
    { route: "POST /budgets", send, changes: ["budget.budgets.page"] },
    {
      route: "PATCH /budgets/{id}",
      what: "another default",
      send: () => byOwner("PATCH", `/budgets/${made.id.toUpperCase()}`, { body: { is_default: true } }),
      changes: [...ofEveryBudgetWrite, ...views],
    },
    {
      route: "PATCH /budgets/{id}",
      send: () => byOwner("PATCH", path, { body: { mode: "tracking" } }),
      changes: ofEveryBudgetWrite,
    },
    {
      route: "DELETE /budgets/{id}",
      send: () => byOwner("DELETE", path),
      changes: [
        ...ofEveryBudgetWrite,
        "budget.groups.page",
        "budget.group",
        "budget.categories.page",
        "budget.category",
        "budget.transactions.page",
        "budget.spending",
      ],
    },
  ];
}
