-- A page of what moved the accounts of all customers, newest first. Runs on the lane `report`: a filter that is null
-- disappears from the plan. It walks the transactions by their ids, which begin with the time at which they were made:
-- days bound the walk, a day of room on either side; the other filters are looked at one by one.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business, whose days $3 and $4 are
-- $3 from_date (nullable): first day
-- $4 to_date (nullable): last day
-- $5 side (nullable): credit is money in, debit money out
-- $6 min_amount (nullable): least amount, minor units
-- $7 max_amount (nullable): largest amount, minor units
-- $8 q (nullable): beginning of the reference, or part of the memo
-- $9 after (nullable): keyset of the last row seen: ids of its transaction and its entry, as a JSON array
-- $10 limit_rows: rows a page
-- nullable: last_key
-- index: transactions_pk, lent_tx_ix, accounts_pk, transfers_pk
with page as materialized (
  select l.e, t, x.x from ledger.transactions t
  -- one transaction after the other: a search for few entries is no reason to read all of them (hence the offset)
  cross join lateral (
    select e from ledger.entries e join bank.accounts a on a.business_id = e.business_id and a.id = e.account_id
    where e.business_id = t.business_id and e.transaction_id = t.id
      and ($5::ledger.side is null or e.side = $5)
      and ($6::bigint is null or e.amount >= $6) and ($7::bigint is null or e.amount <= $7)
    offset 0) l
  -- its own transfer, or that of the hold that it posts, or of what it reverses or returns
  left join lateral (
    select x from bank.transfers x where x.business_id = t.business_id and x.id in (t.id, t.pending_id, t.source_id)
    order by x.id = t.id desc limit 1) x on true
  where t.business_id = $1 and t.phase in ('single', 'post')
    and ($3::date is null or (l.e).effective_at >= $3::date::timestamp at time zone $2::text)
    and ($4::date is null or (l.e).effective_at < ($4::date + 1)::timestamp at time zone $2::text)
    and ($3::date is null or t.id >= core.first_id_at(($3::date - 1)::timestamp at time zone $2::text))
    and ($4::date is null or t.id < core.first_id_at(($4::date + 2)::timestamp at time zone $2::text))
    and ($8::text is null or coalesce((x.x).reference, t.reference) like core.like_pattern($8) || '%'
      or coalesce((x.x).memo, t.description) ilike '%' || core.like_pattern($8) || '%')
    and ($9::text is null or t.id <= ($9::jsonb ->> 0)::uuid)
    and ($9::text is null or (t.id, (l.e).id) < (($9::jsonb ->> 0)::uuid, ($9::jsonb ->> 1)::bigint))
  order by t.id desc, (l.e).id desc limit $10::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $10)
select coalesce((select json_agg(bank.transaction_body(e, t, x) order by position) from shown), '[]')::text as data,
       (select count(*) > $10 from numbered) as has_more,
       (select json_build_array((t).id, (e).id::text)::text from shown order by position desc limit 1) as last_key;
