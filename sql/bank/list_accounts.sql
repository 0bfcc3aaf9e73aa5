-- A page of accounts by the time they were opened. Runs on the lane `report`: a filter that is null disappears from the plan.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): only those of customers with this login
-- $3 customer_id (nullable): only those of this customer
-- $4 status (nullable): only those in this state
-- $5 type (nullable): only those of this type
-- $6 currency (nullable): only those in this currency
-- $7 sort: -opened_at, opened_at
-- $8 after (nullable): keyset of the last row seen: when it was opened, and its id, as a JSON array
-- $9 limit_rows: rows a page
-- nullable: last_key
-- index: bacc_customer_ix, bacc_page_ix, bacc_status_ix, customers_user_ix
with page as materialized (
  select bank.account_body(a, $2::uuid is not null) as body, a.id, a.opened_at from bank.accounts a
  where a.business_id = $1
    and ($2::uuid is null or a.customer_id = any (array(
      select o.id from core.customers o where o.business_id = $1 and o.user_id = $2)))
    and ($3::uuid is null or a.customer_id = $3)
    and ($4::bank.account_status is null or a.status = $4)
    and ($5::bank.account_type is null or a.type = $5)
    and ($6::char(3) is null or a.currency = $6)
    and ($8::text is null or case $7::text
      when '-opened_at' then (a.opened_at, a.id) < (($8::jsonb ->> 0)::timestamptz, ($8::jsonb ->> 1)::uuid)
      else (a.opened_at, a.id) > (($8::jsonb ->> 0)::timestamptz, ($8::jsonb ->> 1)::uuid) end)
  order by case when $7 = '-opened_at' then a.opened_at end desc, case when $7 = '-opened_at' then a.id end desc,
           case when $7 = 'opened_at' then a.opened_at end, case when $7 = 'opened_at' then a.id end
  limit $9::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $9)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $9 from numbered) as has_more,
       (select json_build_array(opened_at::text, id)::text from shown order by position desc limit 1) as last_key;
