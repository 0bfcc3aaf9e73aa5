-- A page of savings products by their names.
-- $1 business_id: the tenant
-- $2 is_active (nullable): only those that are offered, or only those that are not
-- $3 kind (nullable): only those of this kind
-- $4 after (nullable): keyset of the last row seen: its name and its id, as a JSON array
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: sprod_page_ix, products_name_uq
with page as materialized (
  select savings.product_body(p) as body, p.name, p.id from savings.products p
  where p.business_id = $1
    and ($2::bool is null or p.is_active = $2)
    and ($3::savings.product_kind is null or p.kind = $3)
    and ($4::text is null or (p.name, p.id) > ($4::jsonb ->> 0, ($4::jsonb ->> 1)::uuid))
  order by p.name, p.id limit $5::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $5)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $5 from numbered) as has_more,
       (select json_build_array(name, id)::text from shown order by position desc limit 1) as last_key;
