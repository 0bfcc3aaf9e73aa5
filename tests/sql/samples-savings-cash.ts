import { expenseMoves } from "../../src/savings/expense-moves.ts";
import { remittanceMoves } from "../../src/savings/remittance-moves.ts";
import type { Populated } from "./populate.ts";
import type { Samples, Values } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const json = JSON.stringify;
const default_categories = json(["transport"]);

/** Values for the statements of remittances and expenses. */
export function ofSavingsCash(rows: Populated): Samples["statements"] {
  const { agent_id, remittance_id, expense_id, unit_id } = rows;
  const all: Values = { own_agent_id: null };
  const days: Values = { from_date: null, to_date: null };
  const remittances: Values = { ...all, ...days, agent_id: null, statuses: null, sort: "-business_date" };
  const expenses: Values = {
    ...all,
    ...days,
    member_id: null,
    unit_id: null,
    category: null,
    statuses: null,
    sort: "-spent_on",
  };
  const after = json(["2026-01-01", id]);
  const lately = { from_date: "2026-01-01", to_date: "2026-01-31" };
  const owner: Values = { ...all, role: "owner", next_id: id };
  return {
    "savings/create_expense": [
      { expense_id: id, expense: json({ category: "transport", amount: 100 }), default_categories },
    ],
    "savings/get_expense": [
      { ...all, expense_id },
      { own_agent_id: agent_id, expense_id },
    ],
    "savings/get_remittance": [
      { ...all, remittance_id },
      { own_agent_id: agent_id, remittance_id },
    ],
    "savings/list_expenses": [
      {},
      { after },
      { sort: "spent_on", after },
      { own_agent_id: agent_id },
      { member_id: agent_id },
      { statuses: ["recorded"] },
      { ...lately, unit_id, category: "transport" },
    ].map((values) => ({ ...expenses, ...values })),
    "savings/list_remittances": [
      {},
      { after },
      { sort: "business_date", after },
      { own_agent_id: agent_id },
      { agent_id },
      { statuses: ["submitted", "disputed"] },
      lately,
    ].map((values) => ({ ...remittances, ...values })),
    "savings/move_expense": [
      {
        ...owner,
        expense_id,
        action: "approve",
        moves: json(expenseMoves),
        given: "{}",
        default_categories,
      },
    ],
    "savings/move_remittance": [
      {
        ...owner,
        remittance_id,
        action: "confirm",
        moves: json(remittanceMoves),
        given: json({ counted: 40_000 }),
      },
    ],
  };
}
