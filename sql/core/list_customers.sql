-- A page of customers, newest first or by name.
-- $1 business_id: the tenant
-- $2 is_active (nullable): only active, or only archived ones
-- $3 sort: -created_at, created_at, name, -name
-- $4 after (nullable): keyset of the last row seen: its sort value and its id, as a JSON array
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: customers_page_ix, customers_archived_ix, customers_name_ix
with page as materialized (
  select core.customer_body(c) as body, c.id, c.name, c.created_at from core.customers c
  where c.business_id = $1
    and ($2::bool is null or c.is_active = $2)
    and ($4::text is null or case $3::text
      when '-created_at' then (c.created_at, c.id) < (($4::jsonb ->> 0)::timestamptz, ($4::jsonb ->> 1)::uuid)
      when 'created_at' then (c.created_at, c.id) > (($4::jsonb ->> 0)::timestamptz, ($4::jsonb ->> 1)::uuid)
      when 'name' then (c.name, c.id) > ($4::jsonb ->> 0, ($4::jsonb ->> 1)::uuid)
      else (c.name, c.id) < ($4::jsonb ->> 0, ($4::jsonb ->> 1)::uuid) end)
  order by case when $3 = '-created_at' then c.created_at end desc, case when $3 = '-created_at' then c.id end desc,
           case when $3 = 'created_at' then c.created_at end, case when $3 = 'created_at' then c.id end,
           case when $3 = 'name' then c.name end, case when $3 = 'name' then c.id end,
           case when $3 = '-name' then c.name end desc, case when $3 = '-name' then c.id end desc
  limit $5::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $5)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $5 from numbered) as has_more,
       (select json_build_array(case when $3 in ('created_at', '-created_at') then created_at::text else name end, id)::text
        from shown order by position desc limit 1) as last_key;
