-- The figures on the wall: jobs by status, late and urgent ones, steps that wait or run, the caller's own tasks,
-- machines and people. Every part counts from an index alone; the six statuses are counted in one pass, so that they
-- add up to their total. "Due soon" is today and the three days after it; only open jobs are late, due or urgent.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business; decides its today
-- $3 member_id (nullable): whose tasks `my_tasks` counts; null: `my_tasks` is null
-- index: jobs_status_page_ix, jobs_due_ix, steps_my_queue_ix, steps_machine_busy_ix, mach_status_ix, memberships_business_ix
with calendar as materialized (select (now() at time zone $2::text)::date as today),
by_status as materialized (select status, count(*) as jobs from shop.jobs where business_id = $1::uuid group by status),
job_counts as (
  select
    coalesce(sum(jobs) filter (where status = 'draft'), 0) as draft,
    coalesce(sum(jobs) filter (where status = 'active'), 0) as active,
    coalesce(sum(jobs) filter (where status = 'in_progress'), 0) as in_progress,
    coalesce(sum(jobs) filter (where status = 'on_hold'), 0) as on_hold,
    coalesce(sum(jobs) filter (where status = 'completed'), 0) as completed,
    coalesce(sum(jobs) filter (where status = 'cancelled'), 0) as cancelled,
    coalesce(sum(jobs), 0) as total
  from by_status
),
open_jobs as (
  select
    count(*) filter (where j.due_on < c.today) as overdue,
    count(*) filter (where j.due_on between c.today and c.today + 3) as due_soon,
    count(*) filter (where j.priority = 'urgent') as urgent
  from calendar c
  join shop.jobs j on j.business_id = $1::uuid and j.status in ('active', 'in_progress', 'on_hold')
),
step_counts as (
  select
    count(*) filter (where status = 'ready') as ready,
    count(*) filter (where status = 'in_progress') as in_progress,
    count(*) filter (where status = 'paused') as paused,
    count(*) filter (where status = 'blocked') as blocked
  from shop.job_steps
  where business_id = $1::uuid and status in ('ready', 'in_progress', 'paused', 'blocked')
),
my_tasks as (
  select
    count(*) filter (where status = 'ready') as ready,
    count(*) filter (where status = 'in_progress') as in_progress,
    count(*) filter (where status in ('paused', 'blocked')) as stopped,
    count(*) filter (where due_at < now()) as overdue
  from shop.job_steps
  where business_id = $1::uuid and assigned_to = $3::uuid and status in ('ready', 'in_progress', 'paused', 'blocked')
),
busy_machines as materialized (
  select distinct machine_id from shop.job_steps
  where business_id = $1::uuid and status = 'in_progress' and machine_id is not null
),
machine_counts as (
  select
    count(*) as total,
    count(*) filter (where m.status = 'active') as active,
    count(*) filter (where m.status = 'maintenance') as maintenance,
    count(*) filter (where m.status = 'inactive') as inactive,
    count(*) filter (where m.status = 'active' and b.machine_id is not null) as busy,
    count(*) filter (where m.status = 'active' and b.machine_id is null) as available
  from shop.machines m
  left join busy_machines b on b.machine_id = m.id
  where m.business_id = $1::uuid and m.is_active
),
member_counts as (
  select
    count(*) as total,
    count(*) filter (where role = 'operator') as operators,
    count(*) filter (where role in ('owner', 'admin', 'manager')) as managers
  from core.memberships
  where business_id = $1::uuid and status = 'active' and role <> 'customer'
)
select json_build_object(
  'as_of', core.iso(now()), 'today', c.today,
  'jobs', json_build_object(
    'draft', j.draft, 'active', j.active, 'in_progress', j.in_progress, 'on_hold', j.on_hold,
    'completed', j.completed, 'cancelled', j.cancelled, 'total', j.total,
    'overdue', o.overdue, 'due_soon', o.due_soon, 'urgent', o.urgent),
  'steps', to_json(s),
  'my_tasks', case when $3::uuid is not null then to_json(t) end,
  'machines', to_json(m),
  'users', to_json(u)
)::text as body
from calendar c, job_counts j, open_jobs o, step_counts s, my_tasks t, machine_counts m, member_counts u;
