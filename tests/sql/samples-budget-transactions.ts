import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

/** Values for what is written into budgets and read of it. */
export function ofBudgetTransactions(rows: Populated): Samples["statements"] {
  const { category_id, budget_transaction_id: transaction_id } = rows;
  const item = {
    id: "0191e7a0-0000-7000-8000-00000000abce",
    amount: -100,
    occurred_on: "2025-03-04",
    category_id,
    import_id: "bank-new",
  };
  const one = { transaction_id, version: 1 };
  const page = {
    month: null,
    from_date: null,
    to_date: null,
    category_ids: null,
    is_uncategorized: false,
    min_amount: null,
    max_amount: null,
    q: null,
    sort: "-occurred_on",
  };
  const spending = {
    from_date: null,
    to_date: null,
    group_by: "category",
  };
  return {
    "budget/create_transaction": [{ item: JSON.stringify(item) }],
    "budget/create_transaction_batch": [{ items: JSON.stringify([item]), problems: "{}", instance: "/" }],
    "budget/update_transaction": [{ ...one, fields: JSON.stringify({ memo: "Sample" }) }],
    "budget/delete_transaction": [one],
    "budget/import_transactions": [
      { lines: JSON.stringify([{ ...item, line: 2, category: "Category 2" }]), dry_run: false },
    ],
    "budget/import_ledger_entries": [
      { request: JSON.stringify({ account_id: rows.account_id }), limit_rows: 500 },
    ],
    "budget/get_transaction": [{ transaction_id }],
    "budget/list_transactions": [
      page,
      { ...page, sort: "occurred_on", month: "2025-06" },
      { ...page, category_ids: [category_id] },
      { ...page, is_uncategorized: true },
      {
        ...page,
        from_date: "2025-02-01",
        to_date: "2025-04-01",
        min_amount: "-50",
        max_amount: "0",
        q: "Pay",
      },
      { ...page, after: JSON.stringify(["2025-06-01", transaction_id]) },
    ],
    "budget/list_spending": [
      spending,
      { ...spending, from_date: "2025-02-10", to_date: "2025-05-10", group_by: "month" },
      { ...spending, from_date: "2025-02-10", to_date: "2025-03-10", group_by: "payee" },
    ],
  };
}
