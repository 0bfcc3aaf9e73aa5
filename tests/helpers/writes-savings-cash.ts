import type { TestApp } from "./app.ts";
import type { Write } from "./every-write.ts";
import { collectCash } from "./savings-cash.ts";
import type { SavingsThings } from "./things-savings.ts";

type Send = (method: string, path: string, sent?: { body?: unknown }) => Promise<Response>;

/** Who sends, each under a new key. */
type Senders = Readonly<{ owner: Send; manager: Send; agent: Send }>;

const expense = ["savings.expense", "savings.expenses.page"] as const;
const figures = "savings.metrics.business";
const remittance = ["savings.remittance", "savings.remittances.page"] as const;

/** Every write about what agents hand over and what is spent: see every-write.ts. */
export function ofSavingsCash(by: Senders, api: TestApp, things: SavingsThings): Write[] {
  return [...ofExpenses(by, things), ...ofRemittances(by, api, things)];
}

function ofExpenses({ owner, manager, agent }: Senders, { expense_id }: SavingsThings): Write[] {
  const made = { id: "" };
  const body = { category: "rent", amount: 700 };
  return [
    {
      route: "POST /expenses",
      send: async () => {
        const response = await owner("POST", "/expenses", { body });
        Object.assign(made, await response.clone().json());
        return response;
      },
      changes: ["savings.expenses.page"],
    },
    {
      route: "PATCH /expenses/{id}",
      send: () => agent("PATCH", `/expenses/${expense_id}`, { body: { amount: 400 } }),
      changes: expense,
    },
    {
      route: "POST /expenses/{id}/reject",
      send: () => manager("POST", `/expenses/${made.id}/reject`, { body: { reason: "Twice" } }),
      changes: ["savings.expenses.page"],
    },
    {
      route: "POST /expenses/{id}/approve",
      what: "from cash that a remittance waits for",
      send: () => owner("POST", `/expenses/${expense_id.toUpperCase()}/approve`),
      changes: [...expense, ...remittance, figures],
    },
  ];
}

function ofRemittances({ owner, agent }: Senders, api: TestApp, { remittance_id }: SavingsThings): Write[] {
  const open = { id: "" };
  return [
    {
      route: "POST /remittances/{id}/dispute",
      send: () =>
        owner("POST", `/remittances/${remittance_id}/dispute`, { body: { counted: 9_000, note: "Short" } }),
      changes: [...remittance, figures],
    },
    {
      route: "POST /remittances/{id}/confirm",
      send: () => owner("POST", `/remittances/${remittance_id}/confirm`, { body: { counted: 9_500 } }),
      changes: [...remittance, figures],
    },
    {
      route: "POST /remittances/{id}/submit",
      prepare: async () => {
        const agent_id = api.alpha.people.agent.member_id;
        open.id = (await collectCash(api.sql, api.alpha, { agent_id, amount: 100 })).remittance_id;
        await api.forget();
      },
      send: () => agent("POST", `/remittances/${open.id}/submit`, { body: { declared: 100 } }),
      changes: ["savings.remittances.page"],
    },
  ];
}
