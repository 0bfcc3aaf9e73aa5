-- A page of statements, the newest first. Of one person or one account, the newest of each account are merged: nobody
-- walks through the statements of others to find their own.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): only of accounts of this person; null: of any
-- $3 account_id (nullable): only of this account
-- $4 from_date (nullable): only those that begin on this day or later
-- $5 to_date (nullable): only those that end on this day or earlier
-- $6 after (nullable): keyset of the last row seen: its id, as a JSON array
-- $7 limit_rows: rows a page
-- nullable: last_key
-- index: statements_pk, statements_page_ix, customers_user_ix, bacc_customer_ix
with asked as materialized (
  select a.id from bank.accounts a
  where a.business_id = $1 and a.id = $3::uuid and ($2::uuid is null or exists (
    select from core.customers o where o.business_id = $1 and o.id = a.customer_id and o.user_id = $2::uuid))
  union all
  select a.id from core.customers o join bank.accounts a on a.business_id = o.business_id and a.customer_id = o.id
  where $3::uuid is null and o.business_id = $1 and o.user_id = $2::uuid),
found as (
  (select s.* from bank.statements s
   where $2::uuid is null and $3::uuid is null and s.business_id = $1
     and ($6::text is null or s.id < ($6::jsonb ->> 0)::uuid)
     and ($4::text is null or s.period_from >= $4::date) and ($5::text is null or s.period_to <= $5::date)
   order by s.id desc limit $7::int + 1)
  union all
  select s.* from asked a cross join lateral (
    select s.* from bank.statements s
    where s.business_id = $1 and s.account_id = a.id and ($6::text is null or s.id < ($6::jsonb ->> 0)::uuid)
      and ($4::text is null or s.period_from >= $4::date) and ($5::text is null or s.period_to <= $5::date)
    order by s.id desc limit $7::int + 1) s),
page as materialized (select f.* from found f order by f.id desc limit $7 + 1),
numbered as (
  select bank.statement_body(s) as body, s.id, row_number() over (order by s.id desc) as position from page p
  join bank.statements s on s.business_id = $1 and s.id = p.id),
shown as (select * from numbered where position <= $7)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
  (select count(*) > $7 from numbered) as has_more,
  (select json_build_array(id)::text from shown order by position desc limit 1) as last_key;
