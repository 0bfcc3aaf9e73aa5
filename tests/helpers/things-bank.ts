import type { SQL } from "bun";
import { openAccount } from "./bank.ts";
import type { Business } from "./fixtures.ts";

/** What the bank and the ledger have of a business: see things.ts. */
export type BankThings = Readonly<{
  account_id: string;
  other_account_id: string;
  transfer_id: string;
  /** By the path before `/{id}`. */
  byPath: Readonly<Record<string, string>>;
}>;

/** Tables whose rows are the business's. */
export const bankTables = [
  "ledger.accounts",
  "ledger.balances",
  "ledger.transactions",
  "ledger.entries",
  "bank.accounts",
  "bank.transfers",
] as const;

/** Makes one of everything of the bank, straight in the database; `canary` stands in what can be read. */
export async function makeBankThings(
  sql: SQL,
  business: Business,
  { customer_id, canary }: { customer_id: string; canary: string },
): Promise<BankThings> {
  const { account_id } = await openAccount(sql, business, { customer_id, balance: 100_000 });
  const other = await openAccount(sql, business, { customer_id, balance: 100_000 });
  const transfer_id = Bun.randomUUIDv7();
  const movement = {
    business_id: business.id,
    id: transfer_id,
    kind: "internal",
    from_account_id: account_id,
    to_account_id: other.account_id,
    amount: 1_000,
    currency: business.currency,
    memo: canary,
  };
  await sql`select bank.move_batch(${JSON.stringify([movement])}::text::jsonb, true, '{}')`;
  return {
    account_id,
    other_account_id: other.account_id,
    transfer_id,
    byPath: { "/api/v1/transfers": transfer_id },
  };
}
