import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const instant = "2026-01-01T00:00:00.000Z";
const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
const json = JSON.stringify;

/** Values for the statements of the bank's accounts. */
export function ofBankAccounts(rows: Populated): Samples["statements"] {
  const all = { own_user_id: null, customer_id: null };
  const filters = { from_date: null, to_date: null, side: null, min_amount: null, max_amount: null };
  const filtered = [
    {},
    { from_date: "2026-01-01", to_date: "2026-01-31" },
    { side: "credit", min_amount: "5", max_amount: "9" },
    { q: "grown-77" },
  ];
  const ofAccount = { ...filters, ...all, account_id: rows.account_id };
  const accounts = { ...all, type: null, currency: null, sort: "-opened_at" };
  const one = { account_id: rows.account_id, own_user_id: null };
  return {
    "bank/get_account": [one, { ...one, own_user_id: rows.user_id }],
    "bank/get_balance": [one, { ...one, own_user_id: rows.user_id }],
    "bank/get_balance_as_of": [{ ...one, as_of: instant }],
    "bank/list_account_transactions": [
      ...filtered.map((values) => ({ ...ofAccount, ...values })),
      { ...ofAccount, after: json([instant, "7"]) },
      { ...ofAccount, account_id: null, customer_id: rows.customer_id },
      { ...ofAccount, account_id: null, own_user_id: rows.user_id },
    ],
    "bank/list_accounts": [
      {},
      { after: json([instant, id]) },
      { sort: "opened_at" },
      { status: "frozen" },
      { customer_id: rows.customer_id },
      { own_user_id: rows.user_id },
      { type: "checking", currency: "NGN" },
    ].map((values) => ({ ...accounts, ...values })),
    // Whoever searches all of it says since when.
    "bank/list_transactions": [
      {},
      { after: json([id, "7"]) },
      { from_date: "2026-01-01", to_date: "2026-01-31" },
      { from_date: yesterday, side: "credit", min_amount: "5", max_amount: "9" },
      { from_date: yesterday, q: "grown-77" },
    ].map((values) => ({ ...filters, ...values })),
    "bank/move_account": [
      { account_id: rows.account_id, from_statuses: ["active"], to_status: "frozen", reason: "Sample" },
    ],
    "bank/open_account": [
      {
        account_id: id,
        account: json({ customer_id: rows.customer_id, type: "checking", currency: "NGN" }),
      },
    ],
    "bank/rest_accounts": [{ dormant_days: 1, limit_rows: 100 }],
    "bank/update_account": [{ account_id: rows.account_id, patch: json({ nickname: "Sample" }) }],
  };
}
