-- A page of the customers that a search finds. Three characters or more are found anywhere in the name; fewer only at the
-- beginning of a word, because no index finds one letter in the middle of one.
-- $1 business_id: the tenant
-- $2 q: part of the name
-- $3 phone (nullable): beginning of the phone number, E.164; matches beside q
-- $4 is_active (nullable): only active, or only archived ones
-- $5 sort: -created_at, created_at, name, -name
-- $6 after (nullable): keyset of the last row seen: its sort value and its id, as a JSON array
-- $7 limit_rows: rows a page
-- nullable: last_key
-- index: customers_page_ix, customers_archived_ix, customers_name_ix, customers_name_trgm, customers_phone_ix
with picked as materialized (  -- keys only: read from the index alone, however many names a search passes over
  select c.id, case when $5 in ('created_at', '-created_at') then c.created_at::text else c.name end as sort_value
  from core.customers c
  where c.business_id = $1
    and ($4::bool is null or c.is_active = $4)
    and (length($2) > 2 and c.name ilike '%' || core.like_pattern($2) || '%'
         or length($2) < 3 and (c.name ilike core.like_pattern($2) || '%'
                                or c.name ilike '% ' || core.like_pattern($2) || '%')
         or $3::text is not null and c.phone like core.like_pattern($3) || '%')
    and ($6::text is null or case $5::text
      when '-created_at' then (c.created_at, c.id) < (($6::jsonb ->> 0)::timestamptz, ($6::jsonb ->> 1)::uuid)
      when 'created_at' then (c.created_at, c.id) > (($6::jsonb ->> 0)::timestamptz, ($6::jsonb ->> 1)::uuid)
      when 'name' then (c.name, c.id) > ($6::jsonb ->> 0, ($6::jsonb ->> 1)::uuid)
      else (c.name, c.id) < ($6::jsonb ->> 0, ($6::jsonb ->> 1)::uuid) end)
  order by case when $5 = '-created_at' then c.created_at end desc, case when $5 = '-created_at' then c.id end desc,
           case when $5 = 'created_at' then c.created_at end, case when $5 = 'created_at' then c.id end,
           case when $5 = 'name' then c.name end, case when $5 = 'name' then c.id end,
           case when $5 = '-name' then c.name end desc, case when $5 = '-name' then c.id end desc
  limit $7::int + 1),
numbered as (select id, sort_value, row_number() over () as position from picked),
shown as (select * from numbered where position <= $7)
select coalesce((select json_agg(core.customer_body(c) order by s.position)
                 from shown s join core.customers c on c.business_id = $1 and c.id = s.id), '[]')::text as data,
       (select count(*) > $7 from numbered) as has_more,
       (select json_build_array(sort_value, id)::text from shown order by position desc limit 1) as last_key;
