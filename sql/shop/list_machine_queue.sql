-- What waits for a machine, next first, as the whole answer: running, paused, ready and pending steps of jobs that go on, in
-- that order, then by priority and by when they are due; 50 at most, and no more is read of those behind them. No row: the
-- machine is not there.
-- $1 business_id: the tenant
-- $2 machine_id: which machine
-- $3 role (nullable): whose steps of processes that this role may not view are left out; null for staff
-- index: machines_pk, open_steps_machine_ix, job_steps_pk, jobs_pk, processes_pk
with queue as materialized (
  select o.step_id, o.place, o.priority, o.due_at from shop.open_steps o
  where o.business_id = $1::uuid and o.machine_id = $2::uuid and o.status <> 'blocked'
    and ($3::core.member_role is null or o.process_id = any (array(
      select p.id from shop.processes p where p.business_id = $1::uuid and shop.may(p.business_id, $3::core.member_role, p.id, 'view'))))
  order by o.place, o.priority desc, o.due_at, o.step_id
  limit 50
)
select json_build_object(
  'data', (select coalesce(json_agg(json_build_object(
    'id', s.id, 'status', s.status, 'due_at', core.iso(s.due_at), 'overdue', coalesce(s.due_at < now(), false),
    'est_minutes', s.est_minutes, 'qty_target', trim_scale(s.qty_target), 'qty_good', trim_scale(s.qty_good),
    'qty_scrap', trim_scale(s.qty_scrap), 'job_id', j.id, 'job_number', j.job_number, 'title', j.title,
    'priority', j.priority, 'revision_no', j.revision_no, 'process', p.name, 'machine', m.code, 'version', s.version
  ) order by q.place, q.priority desc, q.due_at, q.step_id), '[]')
  from queue q
  join shop.job_steps s on s.business_id = $1::uuid and s.id = q.step_id
  join shop.jobs j on j.business_id = $1::uuid and j.id = s.job_id
  join shop.processes p on p.business_id = $1::uuid and p.id = s.process_id),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from shop.machines m where m.business_id = $1::uuid and m.id = $2::uuid;
