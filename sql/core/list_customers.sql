-- A page of customers, newest first or by name. `q` is a part of the name, or the beginning of a phone number.
-- $1 business_id: the tenant
-- $2 q (nullable): what to search
-- $3 is_active (nullable): only active, or only archived ones
-- $4 sort: -created_at, created_at, name, -name
-- $5 after (nullable): keyset of the last row seen: its sort value and its id, as a JSON array
-- $6 limit_rows: rows a page
-- nullable: last_key
-- index: customers_page_ix, customers_name_ix, customers_name_trgm, customers_phone_ix
with page as materialized (
  select core.customer_body(c) as body, c.id, c.name, c.created_at from core.customers c
  where c.business_id = $1
    and ($3::bool is null or c.is_active = $3)
    and ($2::text is null or c.name ilike '%' || core.like_pattern($2) || '%'
         or ($2 ~ '^\+[0-9]' and c.phone like core.like_pattern($2) || '%'))
    and ($5::text is null or case $4::text
      when '-created_at' then (c.created_at, c.id) < (($5::jsonb ->> 0)::timestamptz, ($5::jsonb ->> 1)::uuid)
      when 'created_at' then (c.created_at, c.id) > (($5::jsonb ->> 0)::timestamptz, ($5::jsonb ->> 1)::uuid)
      when 'name' then (c.name, c.id) > ($5::jsonb ->> 0, ($5::jsonb ->> 1)::uuid)
      else (c.name, c.id) < ($5::jsonb ->> 0, ($5::jsonb ->> 1)::uuid) end)
  order by case when $4 = '-created_at' then c.created_at end desc, case when $4 = '-created_at' then c.id end desc,
           case when $4 = 'created_at' then c.created_at end, case when $4 = 'created_at' then c.id end,
           case when $4 = 'name' then c.name end, case when $4 = 'name' then c.id end,
           case when $4 = '-name' then c.name end desc, case when $4 = '-name' then c.id end desc
  limit $6::int + 1),
numbered as (select *, row_number() over () as at from page),
shown as (select * from numbered where at <= $6)
select coalesce((select json_agg(body order by at) from shown), '[]')::text as data,
       (select count(*) > $6 from numbered) as has_more,
       (select json_build_array(case when $4 like '%created_at' then created_at::text else name end, id)::text
        from shown order by at desc limit 1) as last_key;
