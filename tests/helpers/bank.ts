import type { SQL } from "bun";
import type { Business } from "./fixtures.ts";

/** What an account of a test is like: all of it has a default. */
export type AccountOptions = Readonly<{
  /** Default: a new customer. */
  customer_id?: string;
  /** KYC level of the customer, if it is a new one or has none yet; at 0 the account waits. Default 2. */
  kyc_level?: number;
  type?: string;
  currency?: string;
  /** Posted, minor units, as one deposit. Default 0. */
  balance?: number;
  overdraft_limit?: number;
}>;

export type TestAccount = Readonly<{ account_id: string; customer_id: string }>;

/** Makes a customer, with the login of a member if one is named. */
export async function makeCustomer(
  sql: SQL,
  business: Pick<Business, "id">,
  { name = "Adaeze Okafor", user_id = null }: { name?: string; user_id?: string | null } = {},
): Promise<string> {
  const customer_id = Bun.randomUUIDv7();
  await sql`insert into core.customers (business_id, id, name, user_id)
    values (${business.id}, ${customer_id}, ${name}, ${user_id})`;
  return customer_id;
}

/** Says who a customer is proved to be, where nothing is known of them yet; their accounts do not hear of it. */
export async function approveCustomer(
  sql: SQL,
  business: Pick<Business, "id">,
  { customer_id, level }: { customer_id: string; level: number },
): Promise<void> {
  await sql`insert into bank.kyc_profiles (business_id, customer_id, status, level, expires_on)
    values (${business.id}, ${customer_id}, 'approved', ${level}, '2099-12-31') on conflict do nothing`;
}

/** Opens an account straight in the database, as the API would, with money in it. */
export async function openAccount(
  sql: SQL,
  business: Pick<Business, "id" | "currency">,
  options: AccountOptions = {},
): Promise<TestAccount> {
  const { kyc_level = 2, type = "checking", currency = business.currency, balance = 0 } = options;
  const { overdraft_limit = 0 } = options;
  const customer_id = options.customer_id ?? (await makeCustomer(sql, business));
  const account_id = Bun.randomUUIDv7();
  if (kyc_level > 0) await approveCustomer(sql, business, { customer_id, level: kyc_level });
  await sql`select bank.open_account(${business.id}, ${account_id}, ${customer_id}, ${type}, ${currency})`;
  if (overdraft_limit > 0) {
    const patch = JSON.stringify({ overdraft_limit });
    await sql`select bank.update_account(${business.id}, ${account_id}, ${patch}::text::jsonb)`;
  }
  if (balance > 0) await deposit(sql, business, { account_id, currency, amount: balance });
  return { account_id, customer_id };
}

/** Money from the vault into an account, by the ledger alone: there is no row of the bank for it. */
export async function deposit(
  sql: SQL,
  { id, currency: own }: Pick<Business, "id" | "currency">,
  {
    account_id,
    amount,
    currency = own,
    effective_at = null,
  }: { account_id: string; amount: number; currency?: string; effective_at?: string | null },
): Promise<string> {
  const transaction_id = Bun.randomUUIDv7();
  await sql`select ledger.post(ledger.posting_of(${id}, ${transaction_id}, 'single', 'bank.deposit', null,
      p_effective_at => ${effective_at}::text::timestamptz),
    jsonb_build_array(
      jsonb_build_object('account_id', ledger.house_account(${id}, 'cash:vault', 'asset', ${currency}, 8),
        'side', 'debit', 'amount', ${amount}::bigint),
      jsonb_build_object('account_id', ${account_id}::uuid, 'side', 'credit', 'amount', ${amount}::bigint)))`;
  return transaction_id;
}

/** Writes a transfer as posting leaves it, without moving money; `at` is when it was made. */
export async function insertTransfer(
  sql: SQL,
  business_id: string,
  input: Readonly<{
    amount: number;
    kind?: string;
    status?: string;
    from?: string | null;
    to?: string | null;
    currency?: string;
    at?: Date;
  }>,
): Promise<string> {
  const { amount, kind = "internal", status = "posted", from = null, to = null, currency = "NGN" } = input;
  const at = input.at ?? new Date();
  const id = Bun.randomUUIDv7("hex", at);
  await sql.begin(async (tx) => {
    // An import: its stamps are its own.
    await tx`select set_config('app.import', 'on', true)`;
    await tx`insert into bank.transfers (business_id, id, kind, status, from_account_id, to_account_id, amount,
        currency, reference, created_at, reversed_by_id)
      values (${business_id}, ${id}, ${kind}::bank.transfer_kind, ${status}::bank.transfer_status, ${from}, ${to},
        ${amount}, ${currency}, ${id}, ${at}, ${status === "reversed" ? id : null})`;
  });
  return id;
}
