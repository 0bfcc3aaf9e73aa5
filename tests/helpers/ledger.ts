import type { SQL } from "bun";

/** An account of the ledger for a test; `code` names it, money is Naira unless it says otherwise. */
export type LedgerAccountInput = Readonly<{
  code: string;
  kind?: string;
  currency?: string;
  /** Null, the default: any. */
  overdraft_limit?: number | null;
  max_balance?: number | null;
  shards?: number;
}>;

/** Makes an account with its balance rows. Returns its id. */
export async function openLedgerAccount(
  sql: SQL,
  business_id: string,
  { code, kind = "liability", currency = "NGN", shards = 1, ...bounds }: LedgerAccountInput,
): Promise<string> {
  const [{ id }] =
    await sql`select ledger.ensure_account(${business_id}, ${code}, ${kind}::ledger.account_kind,
    ${currency}::char(3), ${shards}, ${bounds.overdraft_limit ?? null}) as id`;
  if (bounds.max_balance !== undefined) {
    await sql`update ledger.balances set max_balance = ${bounds.max_balance} where account_id = ${id}`;
  }
  return id as string;
}

/** One line of a transaction: account, side, amount in minor units. */
export type Line = readonly [account_id: string, side: "debit" | "credit", amount: number];

export type PostOptions = Readonly<{
  phase?: "single" | "pending";
  reference?: string | null;
  effective_at?: string | null;
  expires_at?: string | null;
  /** Uses of limits: account, window, its first day, amount, cap. */
  limits?: readonly (readonly [
    account_id: string,
    window: string,
    start: string,
    amount: number,
    cap: number,
  ])[];
}>;

const linesOf = (lines: readonly Line[]): string =>
  JSON.stringify(lines.map(([account_id, side, amount]) => ({ account_id, side, amount })));

/** Posts one transaction through `ledger.post`, which raises what it refuses. Returns its id. */
export async function post(
  sql: SQL,
  business_id: string,
  lines: readonly Line[],
  {
    phase = "single",
    reference = null,
    effective_at = null,
    expires_at = null,
    limits = [],
  }: PostOptions = {},
): Promise<string> {
  const id = Bun.randomUUIDv7();
  const uses = JSON.stringify(limits);
  await sql`select ledger.post(ledger.posting_of(${business_id}, ${id}, ${phase}::ledger.phase, 'test.move', null,
      ${reference}, p_effective_at => ${effective_at}::text::timestamptz, p_expires_at => ${expires_at}::text::timestamptz),
    ${linesOf(lines)}::text::jsonb,
    coalesce((select array_agg(row(1, (u ->> 0)::uuid, u ->> 1, (u ->> 2)::date, (u ->> 3)::bigint,
      (u ->> 4)::bigint)::ledger.limit_use) from jsonb_array_elements(${uses}::text::jsonb) u), '{}'))`;
  return id;
}

/** Moves an amount: debits the first account, credits the second. */
export const move = (
  sql: SQL,
  business_id: string,
  from: string,
  to: string,
  amount: number,
  options: PostOptions = {},
): Promise<string> =>
  post(
    sql,
    business_id,
    [
      [from, "debit", amount],
      [to, "credit", amount],
    ],
    options,
  );

/** Ends a hold: posts it (in part where an amount is given), voids or expires it. Returns the id of what ended it. */
export async function resolve(
  sql: SQL,
  business_id: string,
  pending_id: string,
  phase: "post" | "void" | "expire",
  amount: number | null = null,
): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`select ledger.resolve(${business_id}, ${id}, ${pending_id}, ${phase}::ledger.phase, null, ${amount})`;
  return id;
}

/** Undoes a transaction. Returns the id of its reversal. */
export async function reverse(sql: SQL, business_id: string, transaction_id: string): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`select ledger.reverse(${business_id}, ${id}, ${transaction_id}, null, null)`;
  return id;
}

/** Posted, with pending, and available, of an account over its shards: `150/150/150`. */
export async function balanceOf(sql: SQL, business_id: string, account_id: string): Promise<string> {
  const [row] = await sql`select posted || '/' || pending || '/' || available as balance
    from ledger.account_balances where business_id = ${business_id} and id = ${account_id}`;
  return row.balance as string;
}

/**
 * What does not hold in the books of a business, as `verify` says it; empty: all of it does. Money that a test put into an
 * account (`deposit` of bank.ts) has no transfer, and is passed over.
 */
export async function brokenBooks(sql: SQL, business_id: string): Promise<string[]> {
  const rows: { broken: string }[] = await sql`
    select part || ': ' || broken as broken from ledger.verify(${business_id})
    union all select part || ': ' || broken from bank.verify(${business_id})
    union all select part || ': ' || broken from savings.verify(${business_id})`;
  const ofTests = /\(bank\.deposit\) is of the bank, and no transfer tells of it$/;
  return rows.map(({ broken }) => broken).filter((broken) => !ofTests.test(broken));
}
