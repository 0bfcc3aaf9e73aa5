-- A page of where customers are paid, newest first.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 customer_id (nullable): of this customer
-- $4 after (nullable): keyset of the last row seen: its id, as a JSON array
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: destinations_pk, dest_page_ix, customers_user_ix
with page as materialized (
  select savings.destination_body(d) as body, d.id from savings.payment_destinations d
  where d.business_id = $1 and d.deleted_at is null
    and ($2::uuid is null or d.customer_id = any (array(
      select o.id from core.customers o where o.business_id = $1 and o.user_id = $2)))
    and ($3::uuid is null or d.customer_id = $3)
    and ($4::text is null or d.id < ($4::jsonb ->> 0)::uuid)
  order by d.id desc limit $5::int + 1),
numbered as (select *, row_number() over (order by id desc) as position from page),
shown as (select * from numbered where position <= $5)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $5 from numbered) as has_more,
       (select json_build_array(id)::text from shown order by position desc limit 1) as last_key;
