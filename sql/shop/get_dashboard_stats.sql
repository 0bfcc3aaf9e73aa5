-- The figures on the wall: jobs by status, late and urgent ones, steps that wait or run, the caller's own tasks, machines and
-- people. What grows comes from counters, so that it costs the same however many jobs there are; tasks, machines and people
-- are counted from an index alone. The six statuses add up to their total. "Due soon" is today and the three days after it;
-- only open jobs are late, due or urgent: dates of jobs_due are in the order of their words.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business; decides its today
-- $3 member_id (nullable): whose tasks `my_tasks` counts; null: `my_tasks` is null
-- index: counters_pk, counter_deltas_ix, steps_my_queue_ix, steps_machine_busy_ix, mach_status_ix, memberships_business_ix
with calendar as materialized (select (now() at time zone $2::text)::date as today),
counted as materialized (
  select v.name, v.dimension[1] as word, v.count from core.counter_values v
  where v.business_id = $1::uuid and v.name in ('shop.jobs', 'shop.jobs_due', 'shop.jobs_urgent', 'shop.steps')
),
job_counts as (
  select
    coalesce(sum(count) filter (where name = 'shop.jobs' and word = 'draft'), 0) as draft,
    coalesce(sum(count) filter (where name = 'shop.jobs' and word = 'active'), 0) as active,
    coalesce(sum(count) filter (where name = 'shop.jobs' and word = 'in_progress'), 0) as in_progress,
    coalesce(sum(count) filter (where name = 'shop.jobs' and word = 'on_hold'), 0) as on_hold,
    coalesce(sum(count) filter (where name = 'shop.jobs' and word = 'completed'), 0) as completed,
    coalesce(sum(count) filter (where name = 'shop.jobs' and word = 'cancelled'), 0) as cancelled,
    coalesce(sum(count) filter (where name = 'shop.jobs'), 0) as total,
    coalesce(sum(count) filter (where name = 'shop.jobs_due' and word < c.today::text), 0) as overdue,
    coalesce(sum(count) filter (where name = 'shop.jobs_due'
      and word between c.today::text and (c.today + 3)::text), 0) as due_soon,
    coalesce(sum(count) filter (where name = 'shop.jobs_urgent'), 0) as urgent
  from calendar c cross join counted
),
step_counts as (
  select
    coalesce(sum(count) filter (where word = 'ready'), 0) as ready,
    coalesce(sum(count) filter (where word = 'in_progress'), 0) as in_progress,
    coalesce(sum(count) filter (where word = 'paused'), 0) as paused,
    coalesce(sum(count) filter (where word = 'blocked'), 0) as blocked
  from counted where name = 'shop.steps'
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
    'overdue', j.overdue, 'due_soon', j.due_soon, 'urgent', j.urgent),
  'steps', to_json(s),
  'my_tasks', case when $3::uuid is not null then to_json(t) end,
  'machines', to_json(m),
  'users', to_json(u)
)::text as body
from calendar c, job_counts j, step_counts s, my_tasks t, machine_counts m, member_counts u;
