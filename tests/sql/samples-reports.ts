import type { Populated } from "./populate.ts";
import type { Samples, Values } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const instant = "2026-01-01T00:00:00.000Z";
const hash = new Uint8Array(32).fill(7);
const json = JSON.stringify;

/** Statements of account, overviews, interest. */
export function ofReports(rows: Populated): Samples["statements"] {
  const period: Values = { account_id: rows.account_id, from_date: "2026-01-01", to_date: "2026-01-31" };
  const own: Values = { own_user_id: rows.user_id };
  const all: Values = { own_user_id: null };
  const bounds: Values = { ...period, timezone: "UTC", through_entry_id: "1000000" };
  const page: Values = { ...all, account_id: null, from_date: null, to_date: null };
  return {
    "bank/create_statement": [
      { ...bounds, statement_id: id, opening: "0", closing: "0", entries: 0, sha256: hash },
    ],
    "bank/find_due_interest": [{ except_ids: [] }],
    "bank/find_own_customers": [{}],
    "bank/get_business_overview": [{}],
    "bank/get_customer_overview": [all, own],
    "bank/get_statement": [all, own].map((of) => ({ ...of, statement_id: rows.statement_id })),
    "bank/get_statement_head": [all, own].map((of) => ({ ...of, statement_id: rows.statement_id })),
    "bank/list_statement_rows": [bounds, { ...bounds, after: json([instant, "1"]) }],
    "bank/list_statements": [
      page,
      { ...page, after: json([id]) },
      { ...page, account_id: rows.account_id },
      { ...page, ...own },
      { ...page, from_date: "2026-01-01", to_date: "2026-01-31" },
    ],
    "bank/post_interest": [
      { period: "2026-01-01", account_ids: [rows.account_id], transfer_ids: [id], invalidation: "null" },
    ],
    "bank/prepare_statement": [
      { ...period, ...all },
      { ...period, ...own },
    ],
  };
}
