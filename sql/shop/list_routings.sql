-- One page of routings by name, with how many steps each has.
-- $1 business_id: the tenant
-- $2 is_active: true: those in use, false: archived ones
-- $3 after (nullable): the last_key of the page before, or null for the first page
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: routings_name_uq, routing_steps_pk
with page as materialized (
  select r.* from shop.routings r
  where r.business_id = $1::uuid and r.is_active = $2::boolean and ($3::text is null or r.name > $3::text::jsonb ->> 0)
  order by r.name limit $4::int + 1),
shown as (select * from page order by name limit $4::int)
select coalesce((select json_agg(json_build_object('id', r.id, 'name', r.name, 'is_active', r.is_active,
    'steps_total', (select count(*) from shop.routing_steps s where s.business_id = r.business_id and s.routing_id = r.id),
    'updated_at', core.iso(r.updated_at), 'version', r.version) order by r.name) from shown r), '[]')::text as data,
  (select count(*) > $4::int from page) as has_more,
  (select json_build_array(max(name))::text from shown) as last_key;
