import { accountMoves } from "../../src/savings/accounts-moves.ts";
import { defaultTerms } from "../../src/savings/products.ts";
import type { Populated } from "./populate.ts";
import type { Samples, Values } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const json = JSON.stringify;

/** Values for the statements of savings products and accounts. */
export function ofSavingsAccounts(rows: Populated): Samples["statements"] {
  const { savings_account_id: account_id, savings_ended_id, savings_product_id: product_id } = rows;
  const { agent_id, customer_id, unit_id, user_id } = rows;
  const all: Values = { own_user_id: null, own_agent_id: null };
  const whose: Values[] = [all, { ...all, own_user_id: user_id }, { ...all, own_agent_id: agent_id }];
  const account: Values = { ...all, account_id };
  const moves = json(accountMoves);
  const period: Values = { timezone: "UTC", from_date: "2026-01-01", to_date: "2026-12-31" };
  const filters = { statuses: null, unit_id: null, agent_id: null, customer_id: null, product_id: null };
  const search = { q: null, phone: null, tracking_number: null };
  const list: Values = {
    ...all,
    ...filters,
    ...search,
    starts_from: null,
    starts_to: null,
    behind_gte: null,
  };
  const round: Values = { ...list, agent_id };
  const plan = { customer_id, product_id, marking_amount: 100, cycles: 1 };
  const imported = {
    line: 2,
    id,
    customer_phone: rows.phone,
    product: "Grown",
    marking_amount: 100,
    cycles: 1,
    starts_on: "2026-01-01",
    agent: rows.username,
    tracking_number: "1000000008",
  };
  return {
    "savings/create_product": [{ product_id: id, product: json({ name: "Sample", ...defaultTerms }) }],
    "savings/find_account": [{ tracking_number: "1000000008" }],
    "savings/get_account": whose.map((own) => ({ ...account, ...own })),
    "savings/get_markings": [{ ...account, timezone: "UTC" }],
    "savings/get_product": [{ product_id }],
    "savings/get_statement_head": [
      { ...account, ...period },
      { ...account, ...period, from_date: null, to_date: null },
    ],
    "savings/import_accounts": [true, false].map((dry_run) => ({ accounts: json([imported]), dry_run })),
    "savings/list_accounts": [
      ...whose.map((own) => ({ ...list, ...own })),
      { ...list, after: json(["2026-01-01T00:00:00.000Z", id]) },
      { ...list, sort: "created_at" },
      { ...list, statuses: ["completed", "closed_early"] },
      { ...list, customer_id },
      { ...list, unit_id },
      { ...list, q: "abc" },
      { ...list, q: "A" },
      { ...list, q: "+98100", phone: "+98100" },
      { ...list, q: "1000000008", tracking_number: "1000000008", phone: "+1000000008" },
      { ...round, statuses: ["active"], behind_gte: 3 },
      { ...round, sort: "ends_on" },
      { ...round, sort: "-markings_paid", after: json(["5", id]) },
    ],
    "savings/list_products": [{ kind: null }, { kind: "daily", is_active: true, after: json(["A", id]) }],
    "savings/list_statement_rows": [
      { account_id, ...period, through_entry_id: "1000000" },
      { account_id, ...period, through_entry_id: "1000000", after: json(["2026-01-01T00:00:00.000Z", "1"]) },
    ],
    "savings/move_account": [
      { ...account, moves, action: "close", reason: "Sample", cycles: 0 },
      { ...account, moves, action: "extend", reason: null, cycles: 1 },
    ],
    "savings/open_account": [
      {
        ...all,
        account_id: id,
        account: json({ ...plan, starts_on: new Date().toISOString().slice(0, 10) }),
      },
    ],
    "savings/quote_product": [{ product_id, plan: json({ target_amount: 1_000_000 }) }],
    "savings/renew_account": [
      { ...all, account_id: savings_ended_id, moves, new_account_id: id, plan: "{}" },
    ],
    "savings/update_account": [{ account_id, patch: json({ unit_id }) }],
    "savings/update_product": [{ product_id, patch: json({ auto_renew: true }) }],
  };
}
