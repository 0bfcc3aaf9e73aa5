-- Figures of the shop: what its dashboards show is counted as it is written (core.keep_counters), so that they cost the same
-- with ten thousand jobs and with ten million; months that follow the business's zone; and the proof that jobs, steps, time
-- and quantities say the same.

-------------------------------------------------------------------------------------------------------------- counters
-- shop.jobs {status}; shop.jobs_due {due_on} and shop.jobs_urgent {"open"}: open ones, so that what is late or due soon is a
-- sum over dates, and nothing runs at midnight; shop.jobs_created, _completed, _on_time {month} of the business's calendar.
-- On time: completed on the due date or before it, or without one.
create function shop.job_counts(j shop.jobs)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select j.business_id, x.name, array[x.word], 0::numeric
  from core.businesses b cross join lateral (values
    ('shop.jobs', j.status::text, true),
    ('shop.jobs_due', j.due_on::text, j.due_on is not null and j.status in ('active', 'in_progress', 'on_hold')),
    ('shop.jobs_urgent', 'open', j.priority = 'urgent' and j.status in ('active', 'in_progress', 'on_hold')),
    ('shop.jobs_created', to_char(j.created_at at time zone b.timezone, 'YYYY-MM'), true),
    ('shop.jobs_completed', to_char(j.completed_at at time zone b.timezone, 'YYYY-MM'), j.status = 'completed'),
    ('shop.jobs_on_time', to_char(j.completed_at at time zone b.timezone, 'YYYY-MM'), j.status = 'completed'
      and (j.due_on is null or (j.completed_at at time zone b.timezone)::date <= j.due_on))) x (name, word, counts)
  where b.id = j.business_id and x.counts
$$;
select core.keep_counters('shop.jobs', 'shop.job_counts');

-- shop.steps {status}: steps.
create function shop.step_counts(s shop.job_steps)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select s.business_id, 'shop.steps', array[s.status::text], 0::numeric
$$;
select core.keep_counters('shop.job_steps', 'shop.step_counts');

---------------------------------------------------------------------------------------------------------------- months
-- Businesses whose zone is another one, until their months are counted again. barrier: see shop.rebuild_months.
create table shop.month_rebuilds (
  business_id uuid constraint month_rebuilds_pk primary key
    constraint month_rebuilds_business_fk references core.businesses on delete cascade,
  barrier xid8
);

create function shop.remember_zone() returns trigger language plpgsql as $$
begin
  insert into shop.month_rebuilds (business_id) values (new.id)
  on conflict on constraint month_rebuilds_pk do update set barrier = null;
  return null;
end $$;
create trigger remember_zone after update on core.businesses for each row
when (old.timezone is distinct from new.timezone) execute function shop.remember_zone();

-- Counts the months of one business again whose zone has changed, in one snapshot beside those who write, and says that they
-- are others now (tag shop_jobs). Returns whether there may be more to do.
--
-- A writer counts in the zone that its trigger sees, so one that saw the old zone may still be running, and would commit what
-- no recount has seen. It had its transaction id by then. So the first call that sees the new zone keeps the next id to be
-- given as the barrier, and months are counted once every transaction before it has ended.
create function shop.rebuild_months() returns boolean language plpgsql as $$
declare
  v shop.month_rebuilds;
  v_names constant text[] := '{shop.jobs_created,shop.jobs_completed,shop.jobs_on_time}';
begin
  if not pg_try_advisory_xact_lock(hashtextextended('core.rebuild_counters', 0)) then return false; end if;
  update shop.month_rebuilds r set barrier = pg_snapshot_xmax(pg_current_snapshot()) where r.barrier is null;
  if found then return true; end if;
  select r.* into v from shop.month_rebuilds r where r.barrier <= pg_snapshot_xmin(pg_current_snapshot()) limit 1;
  if not found then return false; end if;
  insert into core.counter_deltas (business_id, name, dimension, count, total)
  select v.business_id, x.name, x.dimension, sum(x.count), 0
  from (
    select c.name, c.dimension, count(*) as count from shop.jobs j cross join lateral shop.job_counts(j) c
    where j.business_id = v.business_id and c.name = any (v_names) group by c.name, c.dimension
    union all
    select k.name, k.dimension, -k.count from core.counter_values k
    where k.business_id = v.business_id and k.name = any (v_names)) x
  group by x.name, x.dimension having sum(x.count) <> 0;
  perform core.invalidate(array['b:' || v.business_id || '|shop_jobs']);
  -- not where the zone has changed once more: that row has no barrier now
  delete from shop.month_rebuilds r where r.business_id = v.business_id and r.barrier = v.barrier;
  return true;
end $$;

-------------------------------------------------------------------------------------------------------------- activity
-- What happens in the shop, without reading what happens beside it: savings and bank write far more of the audit trail.
create index audit_log_shop_ix on core.audit_log (business_id, at desc, id desc) where entity_type in
  ('customer', 'process', 'role_process_permission', 'machine', 'machine_process', 'routing', 'routing_step', 'job',
   'job_step', 'step_dependency', 'time_log', 'production_report', 'job_revision', 'step_note');

---------------------------------------------------------------------------------------------------------------- proofs
-- Jobs: they count their steps, and their status is what their steps make of it, but for one that was reopened.
create function shop.broken_job(p_business uuid) returns text language sql stable as $$
  with steps as (
    select s.job_id, count(*) as total,
      count(*) filter (where s.status in ('completed', 'skipped', 'cancelled')) as done,
      count(*) filter (where s.status <> 'pending') as moved,
      count(*) filter (where s.started_at is not null) as started
    from shop.job_steps s where s.business_id = p_business group by s.job_id),
  wrong as materialized (
    select j.id, format('job %s (%s) %s', j.id, j.job_number, w.what) as words
    from shop.jobs j left join steps s on s.job_id = j.id
    cross join lateral (select coalesce(s.total, 0) as total, coalesce(s.done, 0) as done, coalesce(s.moved, 0) as moved,
      coalesce(s.started, 0) as started) n
    cross join lateral (select case
      when (j.steps_total, j.steps_done) <> (n.total, n.done) then
        format('says that %s of %s steps are done, it has %s of %s', j.steps_done, j.steps_total, n.done, n.total)
      when j.status in ('completed', 'cancelled') and n.done < n.total then
        format('is %s, and %s of its steps are open', j.status, n.total - n.done)
      when j.status in ('active', 'in_progress') and n.total > 0 and n.done = n.total and not j.is_reopened then
        format('is %s, and each of its steps is done', j.status)
      when j.status = 'active' and n.started > 0 then 'is active, and a step of it has started'
      when j.status = 'draft' and n.moved > 0 then 'is a draft, and a step of it is not pending' end as what) w
    where j.business_id = p_business and w.what is not null)
  select words from wrong order by id limit 1
$$;

-- Steps: quantities are the sum of their reports; ready is what waits for nobody, pending what waits.
create function shop.broken_step(p_business uuid) returns text language sql stable as $$
  with reported as (
    select r.step_id, sum(r.qty_good) as good, sum(r.qty_scrap) as scrap
    from shop.production_reports r where r.business_id = p_business group by r.step_id),
  waiting as (
    select d.step_id from shop.step_dependencies d
    join shop.job_steps n on n.business_id = d.business_id and n.id = d.depends_on
    where d.business_id = p_business and n.status not in ('completed', 'skipped', 'cancelled') group by d.step_id),
  wrong as materialized (
    select s.id, format('step %s of job %s %s', s.id, j.job_number, w.what) as words
    from shop.job_steps s join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id
    left join reported r on r.step_id = s.id
    left join waiting n on n.step_id = s.id
    cross join lateral (select case
      when (s.qty_good, s.qty_scrap) <> (coalesce(r.good, 0), coalesce(r.scrap, 0)) then
        format('says that %s are good and %s scrap, its reports are %s and %s', s.qty_good, s.qty_scrap,
          coalesce(r.good, 0), coalesce(r.scrap, 0))
      when s.status = 'ready' and n.step_id is not null then 'is ready, and a step that it waits for is open'
      when s.status = 'pending' and n.step_id is null and j.status not in ('draft', 'cancelled') then
        'is pending, and waits for nobody' end as what) w
    where s.business_id = p_business and w.what is not null)
  select words from wrong order by id limit 1
$$;

-- Dependencies stay within a job, and go round in no circle. Where each step waits for steps before it there can be none.
create function shop.broken_dependency(p_business uuid) returns text language sql stable as $$
  with pair as materialized (
    select d.step_id, d.depends_on, s.job_id, n.job_id as other_job_id, s.position <= n.position as is_backwards
    from shop.step_dependencies d
    join shop.job_steps s on s.business_id = d.business_id and s.id = d.step_id
    join shop.job_steps n on n.business_id = d.business_id and n.id = d.depends_on
    where d.business_id = p_business and (s.job_id <> n.job_id or s.position <= n.position))
  select coalesce((
    select format('step %s of job %s waits for step %s of job %s', p.step_id, p.job_id, p.depends_on, p.other_job_id)
    from pair p where p.job_id <> p.other_job_id order by p.step_id, p.depends_on limit 1), (
    select format('steps of job %s wait for one another in a circle', p.job_id)
    from (select distinct job_id from pair where is_backwards) p
    where shop.has_circle(p_business, p.job_id) order by p.job_id limit 1))
$$;

-- Time: a log that runs is of a step that runs; nobody was in two logs at one instant unless they were allowed to be, and no
-- machine in more than it ever had room for (its capacity now, or one that the audit trail knows).
create function shop.broken_time(p_business uuid) returns text language sql stable as $$
  with work as (
    select l.id, l.machine_id, l.started_at, coalesce(l.ended_at, 'infinity') as ended_at from shop.time_logs l
    where l.business_id = p_business and l.machine_id is not null and l.kind in ('setup', 'productive')),
  -- at one instant, what ends comes before what begins
  busy as (
    select e.machine_id, e.at, sum(e.change) over (partition by e.machine_id order by e.at, e.change) as logs
    from (select w.machine_id, w.started_at as at, 1 as change from work w
          union all select w.machine_id, w.ended_at, -1 from work w) e),
  most as (select b.machine_id, max(b.logs) as logs from busy b group by b.machine_id),
  person as (
    select l.id, l.operator_id, l.started_at, max(coalesce(l.ended_at, 'infinity')) over (
      partition by l.operator_id order by l.started_at, l.id rows between unbounded preceding and 1 preceding) as busy_until
    from shop.time_logs l where l.business_id = p_business and l.operator_id is not null and l.exclusive_operator)
  select coalesce((
    select format('log %s (%s) runs, and step %s is %s', l.id, l.kind, s.id, s.status)
    from shop.time_logs l join shop.job_steps s on s.business_id = l.business_id and s.id = l.step_id
    where l.business_id = p_business and l.ended_at is null and case when l.kind in ('setup', 'productive')
      then s.status <> 'in_progress' else s.status not in ('in_progress', 'paused', 'blocked') end
    order by l.id limit 1), (
    select format('member %s is in log %s, and in another one at the same time', p.operator_id, p.id)
    from person p where p.started_at < p.busy_until order by p.id limit 1), (
    select format('machine %s (%s) ran %s logs at once, it never had room for more than %s', m.id, m.code, b.logs, c.most)
    from most b join shop.machines m on m.business_id = p_business and m.id = b.machine_id
    cross join lateral (select greatest(m.capacity, (
      select max((a.before ->> 'capacity')::int) from core.audit_log a
      where a.business_id = p_business and a.entity_type = 'machine' and a.entity_id = m.id and a.before ? 'capacity'))
      as most) c
    where b.logs > c.most order by m.id limit 1))
$$;

create function shop.verify(p_business uuid) returns table (part text, broken text) language sql stable as $$
  select c.part, c.broken
  from (values ('jobs', shop.broken_job(p_business)), ('steps', shop.broken_step(p_business)),
    ('dependencies', shop.broken_dependency(p_business)), ('time', shop.broken_time(p_business))) c (part, broken)
  where c.broken is not null
$$;
