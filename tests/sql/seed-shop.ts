import {
  jobPriorities,
  jobStatuses,
  machineStatuses,
  stepStatuses,
  timeKinds,
} from "../../src/platform/enums.ts";

/** Rows of the shop that contradict each other; each query returns those it found. */
export const shopContradictions: Record<string, string> = {
  "what verify finds": `select v.part, v.broken from core.businesses b cross join lateral shop.verify(b.id) v`,
  "steps behind a job": `select j.id from shop.jobs j left join shop.job_steps s using (business_id)
    where s.job_id = j.id group by j.business_id, j.id
    having j.steps_total <> count(*)
      or j.steps_done <> count(*) filter (where s.status in ('completed', 'skipped', 'cancelled'))`,
  "jobs completed before their last step": `select j.id from shop.jobs j join shop.job_steps s
    on s.business_id = j.business_id and s.job_id = j.id where s.completed_at > j.completed_at`,
  "completed jobs with open steps": `select j.id from shop.jobs j join shop.job_steps s
    on s.business_id = j.business_id and s.job_id = j.id
    where j.status = 'completed' and s.status not in ('completed', 'skipped', 'cancelled')`,
  "jobs in progress that nobody began": `select j.id from shop.jobs j where j.status = 'in_progress' and not exists (
    select from shop.job_steps s where s.business_id = j.business_id and s.job_id = j.id and s.started_at is not null)`,
  "steps whose state is not that of what they wait for": `select s.id from shop.job_steps s
    join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id and j.status in ('active', 'in_progress')
    where (s.status = 'pending') <> exists (select from shop.step_dependencies d
        join shop.job_steps n on n.business_id = d.business_id and n.id = d.depends_on
        where d.business_id = s.business_id and d.step_id = s.id
          and n.status not in ('completed', 'skipped', 'cancelled'))`,
  "drafts that have moved": `select j.id from shop.jobs j join shop.job_steps s
    on s.business_id = j.business_id and s.job_id = j.id where j.status = 'draft' and s.status <> 'pending'`,
  "jobs that nobody has begun, with steps that somebody has": `select j.id from shop.jobs j join shop.job_steps s
    on s.business_id = j.business_id and s.job_id = j.id where j.status = 'active' and s.started_at is not null`,
  "jobs with no step left to do": `select j.id from shop.jobs j
    where j.status in ('active', 'in_progress') and j.steps_total > 0 and j.steps_done = j.steps_total`,
  "jobs begun before or after their first step": `select j.id from shop.jobs j join shop.job_steps s
    on s.business_id = j.business_id and s.job_id = j.id
    group by j.business_id, j.id having j.started_at <> min(s.started_at) or (j.started_at is null) <> (min(s.started_at) is null)`,
  "steps begun before what they wait for was over": `select s.id from shop.job_steps s
    join shop.step_dependencies d on d.business_id = s.business_id and d.step_id = s.id
    join shop.job_steps n on n.business_id = d.business_id and n.id = d.depends_on
    where s.started_at < n.completed_at or (s.started_at is not null and n.status not in ('completed', 'skipped', 'cancelled'))`,
  "running steps without an open log of work": `select s.id from shop.job_steps s
    where (s.status = 'in_progress') <> exists (select from shop.time_logs l
      where l.business_id = s.business_id and l.step_id = s.id and l.ended_at is null and l.kind in ('setup', 'productive'))`,
  "work without its operator, losses with one, and losses that go on without a reason": `select l.id from shop.time_logs l
    left join shop.job_steps s on s.business_id = l.business_id and s.id = l.step_id
    where (l.kind in ('setup', 'productive')) <> (l.operator_id is not null) or l.operator_id <> s.assigned_to
      or (l.kind in ('setup', 'productive')) <> (l.reason is null)
      or (l.ended_at is null and l.operator_id is null and s.status not in ('paused', 'blocked'))`,
  "logs longer than a day": `select l.id from shop.time_logs l where coalesce(l.ended_at, now()) > l.started_at + interval '24 hours'`,
  "machines that ran while they stood still": `select l.id from shop.time_logs l join shop.time_logs d
    on d.business_id = l.business_id and d.machine_id = l.machine_id and d.step_id is null
    and tstzrange(d.started_at, d.ended_at) && tstzrange(l.started_at, l.ended_at)
    where l.kind in ('setup', 'productive')`,
  "work of those who may not": `select s.id from shop.job_steps s
    join core.memberships m on m.business_id = s.business_id and m.id = s.assigned_to
    where not shop.may(s.business_id, m.role, s.process_id, 'work')`,
  "reports and notes from before the work or after it": `select r.id from shop.job_steps s
    join shop.production_reports r on r.business_id = s.business_id and r.step_id = s.id
    where r.created_at not between s.started_at and coalesce(s.completed_at, now())
    union all select r.id from shop.job_steps s
    join shop.step_notes r on r.business_id = s.business_id and r.step_id = s.id
    where r.created_at not between s.started_at and coalesce(s.completed_at, now())`,
  "revisions that are not what the job is": `select j.id from shop.jobs j
    left join shop.job_revisions r on r.business_id = j.business_id and r.job_id = j.id
    group by j.business_id, j.id having j.revision_no <> coalesce(max(r.revision_no), 1)
      or bool_or(r.changes -> 'due_on' ->> 'to' <> j.due_on::text or (r.changes -> 'quantity' ->> 'to')::numeric <> j.quantity
        or r.changes -> 'due_on' ->> 'from' >= j.due_on::text)`,
  "routings that a machine or a circle makes impossible": `select r.routing_id from shop.routing_steps r
    where r.position <= any (r.depends_on)`,
  "plans for work that is done or in the past": `select s.id from shop.job_steps s
    where s.planned_start is not null and s.status not in ('ready', 'pending', 'cancelled')`,
  "counters that are not what they count": `select c.name from core.counter_drift() c where c.name like 'shop.%'`,
  "quantities that are not the sum of their reports": `select s.id from shop.job_steps s
    left join shop.production_reports r on r.business_id = s.business_id and r.step_id = s.id
    group by s.business_id, s.id
    having s.qty_good <> coalesce(sum(r.qty_good), 0) or s.qty_scrap <> coalesce(sum(r.qty_scrap), 0)`,
  "machines that cannot do the process": `select s.id from shop.job_steps s where s.machine_id is not null and not exists (
    select from shop.machine_processes m where m.business_id = s.business_id and m.machine_id = s.machine_id
      and m.process_id = s.process_id)`,
  "steps that run on machines that do not": `select l.id from shop.time_logs l
    join shop.machines m on m.business_id = l.business_id and m.id = l.machine_id
    where l.ended_at is null and l.kind in ('setup', 'productive') and m.status <> 'active'`,
  "numbers that the next job would use again": `select q.business_id from core.sequences q join shop.jobs j
    on j.business_id = q.business_id and j.job_number like 'JOB-' || q.period || '-%'
    group by q.business_id, q.period, q.next_value having q.next_value <> count(*) + 1
      or max(split_part(j.job_number, '-', 3)::int) <> count(*)`,
  "jobs older than their customer": `select j.id from shop.jobs j join core.customers k
    on k.business_id = j.business_id and k.id = j.customer_id where j.created_at < k.created_at`,
  "rows of the future": `select id from shop.jobs where greatest(created_at, started_at, completed_at) > now()
    union all select id from shop.time_logs where greatest(started_at, ended_at) > now()`,
};

/** Values of columns of which the demo has every one. */
export const demoShopStates: Record<string, readonly string[]> = {
  "jobs status": jobStatuses,
  "jobs priority": jobPriorities,
  "job_steps status": stepStatuses,
  "machines status": machineStatuses,
  "time_logs kind": timeKinds,
};

/** Words that stand in rows of these tables of a demo, whenever it is made. */
export const livingShopStates: Record<string, readonly string[]> = {
  "shop.jobs": jobStatuses,
  "shop.job_steps": stepStatuses,
  "shop.time_logs": timeKinds,
  "core.notifications": ["shop.step_ready", "shop.step_blocked", "shop.job_on_hold", "shop.job_completed"],
};

/** What people are told of in the demo. */
export const demoShopNotices = [
  "shop.job_completed",
  "shop.job_on_hold",
  "shop.step_assigned",
  "shop.step_blocked",
  "shop.step_ready",
] as const;

/** What the trail of the demo tells last of a step or a job is what it is now, and it is in the order of time. */
export const demoTrailContradictions: Record<string, string> = {
  "trails that end elsewhere": `select * from (
      select distinct on (a.entity_id) a.entity_id, a.after ->> 'status' as told, coalesce(s.status::text, j.status::text) as status
      from core.audit_log a join core.businesses b on b.id = a.business_id and b.code = 'DEMO'
      left join shop.job_steps s on s.business_id = b.id and s.id = a.entity_id
      left join shop.jobs j on j.business_id = b.id and j.id = a.entity_id
      where a.entity_type in ('job', 'job_step') and a.after ? 'status' order by a.entity_id, a.at desc, a.id desc) x
    where told <> status and status not in ('on_hold', 'cancelled', 'ready', 'skipped')`,
  "lines out of their order": `select id from (
      select id, at, max(at) over (order by id rows between unbounded preceding and 1 preceding) as before from core.audit_log a
      where business_id = (select id from core.businesses where code = 'DEMO')) x where at < before`,
  "lines of nobody, and of what is not there": `select a.id from core.audit_log a
    join core.businesses b on b.id = a.business_id and b.code = 'DEMO'
    where a.at > now() or not exists (select from core.memberships m
      where m.business_id = b.id and m.user_id = a.actor_user_id)`,
  "a demo that tells nothing": `select n from (select count(*)::int as n, count(distinct entity_type)::int as kinds
    from core.audit_log a join core.businesses b on b.id = a.business_id and b.code = 'DEMO'
    where a.at > now() - interval '7 days') x where n < 50 or kinds < 4`,
};

/** Between which bounds each figure of `demoShopNow` is believable. */
export const demoShopRanges: Readonly<Record<string, readonly [least: number, most: number]>> = {
  late_jobs: [1, 60],
  late_steps: [1, 120],
  running: [3, 6],
  standing: [2, 2],
  stood: [20, 300],
  own_running: [1, 1],
  own_ready: [5, 60],
  own_stopped: [1, 40],
  own_done: [1, 60],
  joins: [10, 500],
  revisions: [5, 100],
  notes: [10, 300],
  routings: [6, 6],
  permissions: [6, 6],
  oee_pct: [50, 95],
  efficiency_pct: [80, 130],
  without_time: [0, 20],
  open_hours: [50, 1_000],
};

/** What there is to be seen in the demo at any time, as one row. */
export const demoShopNow = `
  with demo as (select b.id, b.timezone, (now() at time zone b.timezone)::date as today
    from core.businesses b where b.code = 'DEMO'),
  operator as (select m.id from demo join core.memberships m on m.business_id = demo.id
    join core.users u on u.id = m.user_id where u.email = 'operator@demo.test'),
  jobs as (select j.*, demo.today from demo join shop.jobs j on j.business_id = demo.id),
  steps as (select s.* from demo join shop.job_steps s on s.business_id = demo.id),
  logs as (select l.* from demo join shop.time_logs l on l.business_id = demo.id)
  select
    (select count(*)::int from jobs where due_on < today and status in ('active', 'in_progress', 'on_hold')) as late_jobs,
    (select count(*)::int from steps where due_at < now() and status in ('ready', 'in_progress', 'paused', 'blocked')) as late_steps,
    (select count(*)::int from logs where ended_at is null and operator_id is not null) as running,
    (select count(*)::int from logs where ended_at is null and step_id is null) as standing,
    (select count(*)::int from logs where ended_at is not null and step_id is null) as stood,
    (select count(*)::int from steps s, operator o where s.assigned_to = o.id and s.status = 'in_progress') as own_running,
    (select count(*)::int from steps s, operator o where s.assigned_to = o.id and s.status = 'ready') as own_ready,
    (select count(*)::int from steps s, operator o where s.assigned_to = o.id and s.status in ('paused', 'blocked')) as own_stopped,
    (select count(*)::int from steps s, operator o where s.assigned_to = o.id and s.completed_at > now() - interval '7 days') as own_done,
    (select count(*)::int from (select from steps s join shop.step_dependencies d using (business_id)
      where d.step_id = s.id group by s.id having count(*) > 1) x) as joins,
    (select count(*)::int from demo join shop.job_revisions r on r.business_id = demo.id) as revisions,
    (select count(*)::int from demo join shop.step_notes n on n.business_id = demo.id) as notes,
    (select count(*)::int from demo join shop.routings r on r.business_id = demo.id) as routings,
    (select count(*)::int from demo join shop.role_process_permissions r on r.business_id = demo.id) as permissions,
    (select round(100 * sum(extract(epoch from ended_at - started_at)) filter (where kind = 'productive')
      / sum(extract(epoch from ended_at - started_at)) filter (where kind <> 'setup'))::int
      from logs where machine_id is not null and started_at > now() - interval '30 days' and ended_at is not null) as oee_pct,
    (select round(100 * sum(s.est_minutes) / sum(w.minutes))::int from steps s join lateral (
      select sum(extract(epoch from l.ended_at - l.started_at)) / 60 as minutes from logs l
      where l.step_id = s.id and l.operator_id is not null) w on true
      where s.completed_at > now() - interval '30 days') as efficiency_pct,
    (select count(*)::int from steps s where s.completed_at > now() - interval '30 days' and not exists (
      select from logs l where l.step_id = s.id)) as without_time,
    (select round(sum(s.est_minutes) / 60)::int from steps s
      where s.status in ('ready', 'in_progress', 'paused', 'blocked', 'pending')) as open_hours`;
