-- What waits for a machine, next first, as the whole answer: running, paused, ready and pending steps of jobs that go on, in
-- that order, then by priority and by when they are due; 50 at most. No row: the machine is not there.
-- $1 business_id: the tenant
-- $2 machine_id: which machine
-- $3 role (nullable): whose steps of processes that this role may not view are left out; null for staff
-- index: machines_pk, steps_machine_queue_ix, jobs_pk, processes_pk
with queue as materialized (
  select s.*, j.job_number, j.title, j.priority, j.revision_no, p.name as process,
    coalesce(s.due_at < now(), false) as overdue,
    array_position(array['in_progress', 'paused', 'ready', 'pending']::shop.step_status[], s.status) as place
  from shop.job_steps s
  join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id
  join shop.processes p on p.business_id = s.business_id and p.id = s.process_id
  where s.business_id = $1::uuid and s.machine_id = $2::uuid
    and s.status in ('pending', 'ready', 'in_progress', 'paused') and j.status in ('active', 'in_progress')
    and ($3::core.member_role is null or shop.may(s.business_id, $3::core.member_role, s.process_id, 'view'))
  order by place, j.priority desc, s.due_at nulls last, s.id
  limit 50
)
select json_build_object(
  'data', (select coalesce(json_agg(json_build_object(
    'id', q.id, 'status', q.status, 'due_at', core.iso(q.due_at), 'overdue', q.overdue, 'est_minutes', q.est_minutes,
    'qty_target', trim_scale(q.qty_target), 'qty_good', trim_scale(q.qty_good), 'qty_scrap', trim_scale(q.qty_scrap),
    'job_id', q.job_id, 'job_number', q.job_number, 'title', q.title, 'priority', q.priority,
    'revision_no', q.revision_no, 'process', q.process, 'machine', m.code, 'version', q.version
  ) order by q.place, q.priority desc, q.due_at nulls last, q.id), '[]') from queue q),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from shop.machines m where m.business_id = $1::uuid and m.id = $2::uuid;
