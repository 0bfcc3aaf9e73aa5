-- What a member works on, next first, as the whole answer: running, paused, ready and blocked steps of jobs that go on, in
-- that order, then by priority and by when they are due; 50 at most.
-- $1 business_id: the tenant
-- $2 member_id: whose steps
-- $3 role (nullable): whose steps of processes that this role may not view are left out; null for staff
-- index: steps_my_queue_ix, jobs_pk, processes_pk, machines_pk
with queue as materialized (
  select s.*, j.job_number, j.title, j.priority, j.revision_no, p.name as process, m.code as machine,
    coalesce(s.due_at < now(), false) as overdue,
    array_position(array['in_progress', 'paused', 'ready', 'blocked']::shop.step_status[], s.status) as place
  from shop.job_steps s
  join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id
  join shop.processes p on p.business_id = s.business_id and p.id = s.process_id
  left join shop.machines m on m.business_id = s.business_id and m.id = s.machine_id
  where s.business_id = $1::uuid and s.assigned_to = $2::uuid
    and s.status in ('ready', 'in_progress', 'paused', 'blocked') and j.status in ('active', 'in_progress')
    and ($3::core.member_role is null or shop.may(s.business_id, $3::core.member_role, s.process_id, 'view'))
  order by place, j.priority desc, s.due_at nulls last, s.id
  limit 50
)
select json_build_object(
  'data', coalesce(json_agg(json_build_object(
    'id', id, 'status', status, 'due_at', core.iso(due_at), 'overdue', overdue, 'est_minutes', est_minutes,
    'qty_target', trim_scale(qty_target), 'qty_good', trim_scale(qty_good), 'qty_scrap', trim_scale(qty_scrap),
    'job_id', job_id, 'job_number', job_number, 'title', title, 'priority', priority, 'revision_no', revision_no,
    'process', process, 'machine', machine, 'version', version
  ) order by place, priority desc, due_at nulls last, id), '[]'),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from queue;
