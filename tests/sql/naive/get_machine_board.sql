-- What waits for each machine in use, by code, counted from the steps themselves.
-- $1 business_id: the tenant
-- index: machines_code_uq, steps_machine_queue_ix, jobs_pk
select coalesce(json_agg(json_build_object('id', m.id, 'busy', q.running >= m.capacity,
    'queue', json_build_object('running', q.running, 'ready', q.ready, 'pending', q.pending, 'late', q.late),
    'load_hours', round(q.minutes / 60.0, 1),
    'load_pct', round(100.0 * q.minutes / nullif(m.weekly_minutes * m.capacity, 0), 1)) order by m.code), '[]')::text as body
from shop.machines m
cross join lateral (
  select count(*) filter (where s.status = 'in_progress') as running,
    count(*) filter (where s.status in ('ready', 'paused')) as ready,
    count(*) filter (where s.status = 'pending') as pending, count(*) filter (where s.due_at < now()) as late,
    coalesce(sum(s.est_minutes), 0) as minutes
  from shop.job_steps s join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id
  where s.business_id = m.business_id and s.machine_id = m.id
    and s.status in ('pending', 'ready', 'in_progress', 'paused') and j.status in ('active', 'in_progress')) q
where m.business_id = $1::uuid and m.is_active;
