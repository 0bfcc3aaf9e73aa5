-- A page of units, by name.
-- $1 business_id: the tenant
-- $2 sort: name, -name
-- $3 after (nullable): keyset of the last row seen: its name and its id, as a JSON array
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: units_name_uq
with page as materialized (
  select core.unit_body(u) as body, u.id, u.name from core.units u
  where u.business_id = $1
    and ($3::text is null or case $2::text when 'name' then u.name > ($3::jsonb ->> 0)
      else u.name < ($3::jsonb ->> 0) end)
  order by case when $2 = 'name' then u.name end, case when $2 = '-name' then u.name end desc
  limit $4::int + 1),
numbered as (select *, row_number() over () as at from page),
shown as (select * from numbered where at <= $4)
select coalesce((select json_agg(body order by at) from shown), '[]')::text as data,
  (select count(*) > $4 from numbered) as has_more,
  (select json_build_array(name, id)::text from shown order by at desc limit 1) as last_key;
