-- A page of beneficiaries, newest first.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 customer_id (nullable): of this customer
-- $4 after (nullable): keyset of the last row seen: its id, as a JSON array
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: beneficiaries_pk, beneficiaries_page_ix, customers_user_ix
with page as materialized (
  select bank.beneficiary_body(b) as body, b.id from bank.beneficiaries b
  where b.business_id = $1 and b.deleted_at is null
    and ($2::uuid is null or b.customer_id = any (array(
      select o.id from core.customers o where o.business_id = $1 and o.user_id = $2)))
    and ($3::uuid is null or b.customer_id = $3)
    and ($4::text is null or b.id < ($4::jsonb ->> 0)::uuid)
  order by b.id desc limit $5::int + 1),
numbered as (select *, row_number() over (order by id desc) as position from page),
shown as (select * from numbered where position <= $5)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $5 from numbered) as has_more,
       (select json_build_array(id)::text from shown order by position desc limit 1) as last_key;
