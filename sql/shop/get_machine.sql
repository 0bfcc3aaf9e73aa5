-- One machine, archived ones too, with the processes it can do and what it is running now; no row when the business
-- has no such machine.
-- $1 business_id: the tenant
-- $2 machine_id: the machine
-- index: machines_pk, machine_processes_pk, steps_machine_busy_ix
with machine as materialized (select * from shop.machines where business_id = $1::uuid and id = $2::uuid),
running as (
  select coalesce(json_agg(json_build_object(
      'step_id', s.id, 'job_id', j.id, 'job_number', j.job_number, 'title', j.title, 'assigned_to', s.assigned_to,
      'started_at', core.iso(s.started_at)
    ) order by s.started_at, s.id), '[]') as steps, count(*) as busy_slots
  from machine m
  join shop.job_steps s on s.business_id = m.business_id and s.machine_id = m.id and s.status = 'in_progress'
  join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id
),
can as (
  select coalesce(json_agg(json_build_object('id', p.id, 'code', p.code, 'name', p.name) order by p.sort, p.code), '[]')
    as processes
  from machine m
  join shop.machine_processes c on c.business_id = m.business_id and c.machine_id = m.id
  join shop.processes p on p.business_id = c.business_id and p.id = c.process_id
)
select
  json_build_object(
    'id', m.id, 'code', m.code, 'name', m.name, 'type', m.type, 'location', m.location, 'status', m.status,
    'capacity', m.capacity, 'running', running.busy_slots, 'busy', running.busy_slots > 0,
    'units_per_hour', trim_scale(m.units_per_hour), 'weekly_minutes', m.weekly_minutes, 'is_active', m.is_active,
    'processes', can.processes, 'running_steps', running.steps,
    'created_at', core.iso(m.created_at), 'updated_at', core.iso(m.updated_at), 'version', m.version
  )::text as body,
  m.version
from machine m, running, can;
