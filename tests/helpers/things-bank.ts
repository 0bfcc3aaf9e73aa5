import type { SQL } from "bun";
import { openAccount } from "./bank.ts";
import type { Business } from "./fixtures.ts";

/** What the bank and the ledger have of a business: see things.ts. */
export type BankThings = Readonly<{
  account_id: string;
  other_account_id: string;
  transfer_id: string;
  wire_transfer_id: string;
  beneficiary_id: string;
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
  "bank.beneficiaries",
  "bank.watchlist",
  "bank.wire_transfers",
  "bank.wire_transfer_events",
  "bank.statements",
] as const;

/** Makes one of everything of the bank, straight in the database; `canary` stands in what can be read. */
export async function makeBankThings(
  sql: SQL,
  business: Business,
  { customer_id, canary }: { customer_id: string; canary: string },
): Promise<BankThings> {
  const { account_id } = await openAccount(sql, business, { customer_id, balance: 100_000 });
  const other = await openAccount(sql, business, { customer_id, balance: 100_000 });
  await sql`update bank.accounts set nickname = ${canary} where business_id = ${business.id}`;
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
  const wire = await makeWireThings(sql, business, { customer_id, account_id, canary });
  const { wire_transfer_id, beneficiary_id, watchlist_id } = wire;
  const statement_id = Bun.randomUUIDv7();
  await sql`insert into bank.statements (business_id, id, account_id, period_from, period_to, timezone, opening, closing,
      entries, through_entry_id, sha256)
    values (${business.id}, ${statement_id}, ${account_id}, '2025-01-01', '2025-01-31', ${business.timezone}, 0, 0, 0, 0,
      sha256(''))`;
  return {
    account_id,
    other_account_id: other.account_id,
    transfer_id,
    wire_transfer_id,
    beneficiary_id,
    byPath: {
      "/api/v1/accounts": account_id,
      "/api/v1/transfers": transfer_id,
      "/api/v1/statements": statement_id,
      "/api/v1/beneficiaries": beneficiary_id,
      "/api/v1/watchlist": watchlist_id,
      "/api/v1/wire-transfers": wire_transfer_id,
      "/api/v1/ledger/accounts": account_id,
      "/api/v1/ledger/transactions": transfer_id,
    },
  };
}

/** A wire that waits for its approval, to a beneficiary of the customer. */
async function makeWireThings(
  sql: SQL,
  { id, currency }: Business,
  { customer_id, account_id, canary }: { customer_id: string; account_id: string; canary: string },
) {
  const [wire_transfer_id, beneficiary_id, watchlist_id] = [
    Bun.randomUUIDv7(),
    Bun.randomUUIDv7(),
    Bun.randomUUIDv7(),
  ];
  await sql`insert into bank.beneficiaries (business_id, id, customer_id, name, bank_name, iban_or_account, country)
    values (${id}, ${beneficiary_id}, ${customer_id}, ${canary}, 'Bank', '0123456789', 'NG')`;
  await sql`insert into bank.watchlist (business_id, id, name, source)
    values (${id}, ${watchlist_id}, ${`watched ${canary.split("").toReversed().join("")}`}, ${canary})`;
  const wire = JSON.stringify({ account_id, beneficiary_id, amount: 500, currency });
  await sql`select bank.make_wire(${id}, null, null, ${wire_transfer_id}, ${wire}::text::jsonb)`;
  return { wire_transfer_id, beneficiary_id, watchlist_id };
}
