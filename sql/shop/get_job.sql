-- One job with its steps in order, each with its process, machine, member and what it waits for; no row when the
-- business has no such job. Quantities are numbers, worked_minutes is the sum of the step's logs up to now.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business; decides "overdue"
-- $3 job_id: the job
-- index: jobs_pk, customers_pk, steps_job_ix, step_dependencies_pk, tl_step_ix
with job as materialized (select * from shop.jobs where business_id = $1::uuid and id = $3::uuid),
step as (
  select s.position, json_build_object(
    'id', s.id, 'position', s.position, 'status', s.status,
    'process', json_build_object('id', p.id, 'code', p.code, 'name', p.name),
    'machine', case when m.id is not null then json_build_object('id', m.id, 'code', m.code, 'name', m.name) end,
    'assigned_to', s.assigned_to, 'assigned_name', u.full_name,
    'planned_start', core.iso(s.planned_start), 'planned_end', core.iso(s.planned_end), 'due_at', core.iso(s.due_at),
    'overdue', coalesce(s.due_at < now() and s.status not in ('completed', 'skipped', 'cancelled'), false),
    'est_minutes', s.est_minutes, 'worked_minutes', worked.minutes,
    'qty_target', trim_scale(s.qty_target), 'allowance_bps', s.allowance_bps,
    'qty_good', trim_scale(s.qty_good), 'qty_scrap', trim_scale(s.qty_scrap), 'block_reason', s.block_reason,
    'started_at', core.iso(s.started_at), 'completed_at', core.iso(s.completed_at), 'instructions', s.instructions,
    'depends_on', dependency.ids, 'version', s.version
  ) as body
  from job j
  join shop.job_steps s on s.business_id = j.business_id and s.job_id = j.id
  join shop.processes p on p.business_id = s.business_id and p.id = s.process_id
  left join shop.machines m on m.business_id = s.business_id and m.id = s.machine_id
  left join core.memberships b on b.business_id = s.business_id and b.id = s.assigned_to
  left join core.users u on u.id = b.user_id
  cross join lateral (
    select coalesce(json_agg(d.depends_on order by d.depends_on), '[]') as ids
    from shop.step_dependencies d where d.business_id = s.business_id and d.step_id = s.id
  ) dependency
  cross join lateral (
    select coalesce(round(sum(extract(epoch from coalesce(l.ended_at, now()) - l.started_at)) / 60)::int, 0) as minutes
    from shop.time_logs l
    where l.business_id = s.business_id and l.step_id = s.id and l.kind in ('setup', 'productive')
  ) worked
)
select
  json_build_object(
    'id', j.id, 'job_number', j.job_number, 'title', j.title, 'description', j.description, 'status', j.status,
    'priority', j.priority, 'due_on', j.due_on,
    'overdue', coalesce(j.due_on < (now() at time zone $2::text)::date, false)
      and j.status in ('active', 'in_progress', 'on_hold'),
    'customer_id', j.customer_id, 'customer_name', k.name, 'quantity', trim_scale(j.quantity), 'unit', j.unit,
    'price', case when j.price is not null then json_build_object('amount', j.price, 'currency', j.currency) end,
    'revision_no', j.revision_no, 'steps_total', j.steps_total, 'steps_done', j.steps_done,
    'hold_reason', j.hold_reason, 'started_at', core.iso(j.started_at), 'completed_at', core.iso(j.completed_at),
    'created_by', j.created_by, 'created_at', core.iso(j.created_at),
    'updated_by', j.updated_by, 'updated_at', core.iso(j.updated_at), 'version', j.version,
    'steps', (select coalesce(json_agg(step.body order by step.position), '[]') from step)
  )::text as body,
  j.version
from job j
left join core.customers k on k.business_id = j.business_id and k.id = j.customer_id;
