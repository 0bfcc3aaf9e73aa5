import type { SQL } from "bun";
import type { Effect, Look } from "./judges.ts";

/** One look at everything, in one statement and so in one snapshot. `closed`: accounts that move money among themselves. */
export async function lookAtLedger(
  sql: SQL,
  { business_id, closed }: Readonly<{ business_id: string; closed: readonly string[] }>,
): Promise<Look> {
  const [row] = await sql`
    select coalesce(sum(v.posted) filter (where v.id in (
        select x::uuid from jsonb_array_elements_text(${JSON.stringify(closed)}::text::jsonb) x)), 0)::float8 as total,
      count(*) filter (where v.code like 'bank:account:%')::int as accounts,
      coalesce(min(v.available) filter (where v.code like 'bank:account:%'), 0)::float8 as least_available,
      sum(v.posted_debit - v.posted_credit)::float8 as unbalanced
    from ledger.account_balances v where v.business_id = ${business_id}`;
  return { of: "sql", ...(row as Omit<Look, "of">) };
}

/** A server that was killed knows nothing of its tables, and would compare them row by row. */
const analyze = (sql: SQL): Promise<unknown> =>
  sql`analyze ledger.entries, ledger.transactions, ledger.balances, bank.transfers`;

/** Every transfer that has a mark, with whether the ledger moved it: one transaction, a debit and a credit. */
export async function effectsIn(sql: SQL, business_id: string): Promise<Effect[]> {
  await analyze(sql);
  return sql`
    select t.memo as mark, t.id, t.kind::text as kind, t.from_account_id as "from", t.to_account_id as "to",
      t.amount::float8 as amount, coalesce(e.is_in_ledger, false) as is_in_ledger
    from bank.transfers t
    left join (
      select e.transaction_id, count(*) = 2
          and count(*) filter (where e.side = 'debit' and e.amount = t.amount
            and coalesce(e.account_id = t.from_account_id, true)) = 1
          and count(*) filter (where e.side = 'credit' and e.amount = t.amount
            and coalesce(e.account_id = t.to_account_id, true)) = 1 as is_in_ledger
      from ledger.entries e
      join ledger.transactions x on x.business_id = e.business_id and x.id = e.transaction_id and x.phase = 'single'
      join bank.transfers t on t.business_id = e.business_id and t.id = e.transaction_id
      where e.business_id = ${business_id} group by e.transaction_id) e on e.transaction_id = t.id
    where t.business_id = ${business_id} and t.memo is not null and t.status = 'posted'`;
}

/** What the entries say against the balances and among themselves. @returns what is wrong; nothing when all holds */
export async function proveLedger(sql: SQL, business_id: string): Promise<string[]> {
  await analyze(sql);
  const [row] = await sql`
    select (select count(*)::int from (select * from ledger.balances where business_id = ${business_id}) b
        full join (select * from ledger.recount where business_id = ${business_id}) r using (account_id, shard)
        where (coalesce(b.posted_debit, 0), coalesce(b.posted_credit, 0), coalesce(b.pending_debit, 0),
          coalesce(b.pending_credit, 0)) is distinct from (coalesce(r.posted_debit, 0), coalesce(r.posted_credit, 0),
          coalesce(r.pending_debit, 0), coalesce(r.pending_credit, 0))) as balances,
      (select count(*)::int from (select from ledger.entries e where e.business_id = ${business_id}
        group by e.transaction_id, e.currency
        having sum(case e.side when 'debit' then e.amount else -e.amount end) <> 0) x) as transactions,
      (select count(*)::int from ledger.transactions x where x.business_id = ${business_id}
        and not exists (select from bank.transfers t where t.business_id = x.business_id and t.id = x.id)
        and x.kind <> ${OPENING}) as strangers`;
  const { balances, transactions, strangers } = row as Record<string, number>;
  return [
    ...(balances === 0 ? [] : [`${balances} balances are not what their entries say`]),
    ...(transactions === 0 ? [] : [`${transactions} transactions have more on one side than on the other`]),
    ...(strangers === 0 ? [] : [`${strangers} transactions of the ledger belong to no transfer`]),
  ];
}

/** What accounts are opened with has no transfer. */
const OPENING = "bank.opening";

/**
 * Opens accounts, each of a customer of its own, with as much money in each; the money is one transaction of the ledger.
 *
 * @returns their ids, in order
 */
export async function openAccounts(
  sql: SQL,
  { business_id, count, balance }: Readonly<{ business_id: string; count: number; balance: number }>,
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => Bun.randomUUIDv7());
  const list = JSON.stringify(ids);
  await sql`insert into core.customers (business_id, id, name)
    select ${business_id}, x::uuid, 'Holder of ' || x from jsonb_array_elements_text(${list}::text::jsonb) x`;
  await sql`insert into bank.kyc_profiles (business_id, customer_id, status, level, expires_on)
    select ${business_id}, x::uuid, 'approved', 2, '2099-12-31' from jsonb_array_elements_text(${list}::text::jsonb) x`;
  // A customer and their account may have the same id.
  await sql`select bank.open_account(${business_id}, x::uuid, x::uuid, 'checking', 'NGN')
    from jsonb_array_elements_text(${list}::text::jsonb) x`;
  const lines = ids.map((account_id) => ({ account_id, side: "credit", amount: balance }));
  await sql`select ledger.post(ledger.posting_of(${business_id}, ${Bun.randomUUIDv7()}, 'single', ${OPENING}, null),
    jsonb_build_array(jsonb_build_object('account_id',
      ledger.house_account(${business_id}, 'cash:vault', 'asset', 'NGN', 16), 'side', 'debit',
      'amount', ${balance * count}::bigint)) || ${JSON.stringify(lines)}::text::jsonb)`;
  return ids;
}
