-- One page of machines in use (not archived), by code, with the processes each can do and whether it is running now.
-- $1 business_id: the tenant
-- $2 status (nullable): machines in this state, or null
-- $3 process_id (nullable): machines that can do this process, or null
-- $4 after (nullable): the last_key of the page before, or null for the first page
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: machines_code_uq, machine_processes_pk, mp_process_ix, steps_machine_busy_ix
with page as materialized (
  select m.* from shop.machines m
  where m.business_id = $1::uuid and m.is_active
    and ($2::shop.machine_status is null or m.status = $2::shop.machine_status)
    and ($3::uuid is null or exists (select from shop.machine_processes c
      where c.business_id = $1::uuid and c.process_id = $3::uuid and c.machine_id = m.id))
    and ($4::text is null or m.code > $4::text::jsonb ->> 0)
  order by m.code
  limit $5::int + 1
),
shown as (select * from page order by code limit $5::int)
select
  coalesce(json_agg(json_build_object(
    'id', m.id, 'code', m.code, 'name', m.name, 'type', m.type, 'location', m.location, 'status', m.status,
    'capacity', m.capacity, 'running', running.steps, 'busy', running.steps > 0,
    'units_per_hour', trim_scale(m.units_per_hour), 'weekly_minutes', m.weekly_minutes,
    'processes', can.processes, 'updated_at', core.iso(m.updated_at), 'version', m.version
  ) order by m.code), '[]')::text as data,
  (select count(*) > $5::int from page) as has_more,
  json_build_array(max(m.code))::text as last_key
from shown m
cross join lateral (
  select count(*) as steps from shop.job_steps s
  where s.business_id = m.business_id and s.machine_id = m.id and s.status = 'in_progress'
) running
cross join lateral (
  select coalesce(json_agg(json_build_object('id', p.id, 'code', p.code, 'name', p.name) order by p.sort, p.code), '[]')
    as processes
  from shop.machine_processes c
  join shop.processes p on p.business_id = c.business_id and p.id = c.process_id
  where c.business_id = m.business_id and c.machine_id = m.id
) can;
