-- A page of what moved one account, or those of a customer or of a login, newest first by the time from which it counts.
-- Runs on the lane `report`: a filter that is null disappears from the plan. Dates are a range of the index; the other
-- filters are looked at entry by entry. No row: there is no such account.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business, whose days $6 and $7 are
-- $3 own_user_id (nullable): only accounts of customers with this login
-- $4 account_id (nullable): only this account
-- $5 customer_id (nullable): only accounts of this customer
-- $6 from_date (nullable): first day
-- $7 to_date (nullable): last day
-- $8 side (nullable): credit is money in, debit money out
-- $9 min_amount (nullable): least amount, minor units
-- $10 max_amount (nullable): largest amount, minor units
-- $11 q (nullable): beginning of the reference, or part of the memo
-- $12 after (nullable): keyset of the last row seen: its time and its id, as a JSON array
-- $13 limit_rows: rows a page
-- nullable: last_key
-- index: accounts_pk, bacc_customer_ix, customers_user_ix, lent_asof_ix, transactions_pk, transfers_pk
with account as materialized (
  select a.id from bank.accounts a
  where a.business_id = $1 and ($4::uuid is null or a.id = $4) and ($5::uuid is null or a.customer_id = $5)
    and ($3::uuid is null or a.customer_id = any (array(
      select o.id from core.customers o where o.business_id = $1 and o.user_id = $3)))),
page as materialized (
  select r.* from account cross join lateral (
    select e, t, x.x from ledger.entries e
    join ledger.transactions t on t.business_id = e.business_id and t.id = e.transaction_id
    -- its own transfer, or that of the hold that it posts, or of what it reverses or returns
    left join lateral (
      select x from bank.transfers x where x.business_id = e.business_id and x.id in (t.id, t.pending_id, t.source_id)
      order by x.id = t.id desc limit 1) x on true
    where e.business_id = $1 and e.account_id = account.id and e.phase in ('single', 'post')
      and ($6::date is null or e.effective_at >= $6::date::timestamp at time zone $2::text)
      and ($7::date is null or e.effective_at < ($7::date + 1)::timestamp at time zone $2::text)
      and ($8::ledger.side is null or e.side = $8)
      and ($9::bigint is null or e.amount >= $9) and ($10::bigint is null or e.amount <= $10)
      and ($11::text is null or coalesce((x.x).reference, t.reference) like core.like_pattern($11) || '%'
        or coalesce((x.x).memo, t.description) ilike '%' || core.like_pattern($11) || '%')
      and ($12::text is null
        or (e.effective_at, e.id) < (($12::jsonb ->> 0)::timestamptz, ($12::jsonb ->> 1)::bigint))
    order by e.effective_at desc, e.id desc limit $13::int + 1) r (e, t, x)
  order by (r.e).effective_at desc, (r.e).id desc limit $13 + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $13)
select coalesce((select json_agg(bank.transaction_body(e, t, x) order by position) from shown), '[]')::text as data,
       (select count(*) > $13 from numbered) as has_more,
       (select json_build_array((e).effective_at::text, (e).id::text)::text
        from shown order by position desc limit 1) as last_key
where exists (select from account);
