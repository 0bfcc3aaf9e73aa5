-- One page of processes in their own order (sort, then code), with the number of machines in use that can do each.
-- A business has tens of processes, so the page is sorted in memory.
-- $1 business_id: the tenant
-- $2 is_active (nullable): true: those in use, false: archived ones, null: all
-- $3 after (nullable): the last_key of the page before, or null for the first page
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: processes_code_uq, mp_process_ix
with page as materialized (
  select p.* from shop.processes p
  where p.business_id = $1::uuid
    and ($2::boolean is null or p.is_active = $2::boolean)
    and ($3::text is null or (p.sort, p.code) > (($3::text::jsonb ->> 0)::int, $3::text::jsonb ->> 1))
  order by p.sort, p.code
  limit $4::int + 1
),
shown as (select * from page order by sort, code limit $4::int)
select
  coalesce(json_agg(json_build_object(
    'id', p.id, 'code', p.code, 'name', p.name, 'group_name', p.group_name, 'is_machine_based', p.is_machine_based,
    'is_production', p.is_production, 'default_minutes', p.default_minutes, 'sort', p.sort, 'is_active', p.is_active,
    'machines', (select count(*) from shop.machine_processes c
      join shop.machines m on m.business_id = c.business_id and m.id = c.machine_id and m.is_active
      where c.business_id = p.business_id and c.process_id = p.id),
    'updated_at', core.iso(p.updated_at), 'version', p.version
  ) order by p.sort, p.code), '[]')::text as data,
  (select count(*) > $4::int from page) as has_more,
  (select json_build_array(sort::text, code)::text from shown order by sort desc, code desc limit 1) as last_key
from shown p;
