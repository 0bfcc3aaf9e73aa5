import type { Write } from "./every-write.ts";
import type { BankThings } from "./things-bank.ts";

type Send = (method: string, path: string, sent?: { body?: unknown }) => Promise<Response>;

/** Every write of the bank: see every-write.ts. `by` sends as the owner, under a new key. */
export function ofBank(by: Send, { account_id, other_account_id, transfer_id }: BankThings): Write[] {
  const entries = ["bank.account.transactions", "bank.transactions", "bank.transfers.page"] as const;
  const money = [...entries, "bank.balance", "bank.overview.business", "bank.overview.customer"];
  const counter = { account_id, amount: 100, currency: "NGN" };
  const between = {
    from_account_id: account_id,
    to_account_id: other_account_id,
    amount: 10,
    currency: "NGN",
  };
  return [
    { route: "POST /deposits", send: () => by("POST", "/deposits", { body: counter }), changes: money },
    { route: "POST /withdrawals", send: () => by("POST", "/withdrawals", { body: counter }), changes: money },
    { route: "POST /transfers", send: () => by("POST", "/transfers", { body: between }), changes: money },
    {
      route: "POST /transfers/batch",
      send: () => by("POST", "/transfers/batch", { body: { atomic: true, items: [between, between] } }),
      changes: money,
    },
    {
      route: "PATCH /transfers/{id}",
      send: () => by("PATCH", `/transfers/${transfer_id}`, { body: { category: "filed" } }),
      changes: ["bank.transfer", ...entries],
    },
    {
      route: "POST /transfers/{id}/reverse",
      send: () => by("POST", `/transfers/${transfer_id}/reverse`, { body: { reason: "Twice" } }),
      changes: ["bank.transfer", ...money],
    },
    {
      route: "POST /statements",
      send: () => by("POST", "/statements", { body: { account_id, from: "2025-02-01", to: "2025-02-28" } }),
      changes: ["bank.statements.page"],
    },
  ];
}
