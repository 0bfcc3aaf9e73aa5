-- What is open in the shop, in the order in which people do it, so that a queue and the board of machines read as much as they
-- show, however much waits behind it.

-- Steps that wait for a member or a machine, of jobs that go on. Derived from jobs and their steps (shop.waiting_steps), kept
-- by triggers of both, proven by shop.verify and mended by shop.rebuild_open_steps: the order of a queue is by the state of
-- the step and the priority of its job, and no index spans two tables. A write of a step holds the lock of its job (0037), so
-- that neither trigger misses what the other one's transaction does.
create table shop.open_steps (
  business_id uuid not null, step_id uuid not null, job_id uuid not null, process_id uuid not null,
  assigned_to uuid, machine_id uuid,
  status shop.step_status not null, priority shop.job_priority not null, due_at timestamptz, est_minutes int,
  place smallint not null generated always as
    (case status when 'in_progress' then 1 when 'paused' then 2 when 'ready' then 3 else 4 end) stored,
  constraint open_steps_pk primary key (business_id, step_id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- the queue of a member and of a machine in their order; what of a machine is due today; steps of a job
create index open_steps_member_ix on shop.open_steps
  (business_id, assigned_to, place, priority desc, due_at, step_id) include (process_id)
  where assigned_to is not null and status <> 'pending';
create index open_steps_machine_ix on shop.open_steps
  (business_id, machine_id, place, priority desc, due_at, step_id) include (process_id)
  where machine_id is not null and status <> 'blocked';
create index open_steps_due_ix on shop.open_steps (business_id, machine_id, due_at)
  where machine_id is not null and status <> 'blocked';
create index open_steps_job_ix on shop.open_steps (business_id, job_id);

-- What shop.open_steps has to be.
create view shop.waiting_steps as
select s.business_id, s.id as step_id, s.job_id, s.process_id, s.assigned_to, s.machine_id, s.status, j.priority, s.due_at,
  s.est_minutes
from shop.job_steps s join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id
where s.status in ('pending', 'ready', 'in_progress', 'paused', 'blocked') and j.status in ('active', 'in_progress')
  and num_nonnulls(s.assigned_to, s.machine_id) > 0;

------------------------------------------------------------------------------------------------------------- keeping
create function shop.keep_open_step() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    if tg_op = 'DELETE' or new.status in ('completed', 'skipped', 'cancelled')
      or num_nonnulls(new.assigned_to, new.machine_id) = 0 then
      delete from shop.open_steps o where o.business_id = old.business_id and o.step_id = old.id;
      return null;
    end if;
    update shop.open_steps o set process_id = new.process_id, assigned_to = new.assigned_to, machine_id = new.machine_id,
      status = new.status, due_at = new.due_at, est_minutes = new.est_minutes
    where o.business_id = new.business_id and o.step_id = new.id;
    if found then return null; end if;
  end if;
  insert into shop.open_steps (business_id, step_id, job_id, process_id, assigned_to, machine_id, status, priority, due_at,
    est_minutes)
  select w.* from shop.waiting_steps w where w.business_id = new.business_id and w.step_id = new.id
  on conflict on constraint open_steps_pk do nothing;
  return null;
end $$;
create trigger keep_open_step_insert after insert on shop.job_steps for each row
when (new.status in ('pending', 'ready', 'in_progress', 'paused', 'blocked')) execute function shop.keep_open_step();
create trigger keep_open_step_update after update on shop.job_steps for each row
when ((old.status, old.process_id, old.assigned_to, old.machine_id, old.due_at, old.est_minutes)
  is distinct from (new.status, new.process_id, new.assigned_to, new.machine_id, new.due_at, new.est_minutes))
execute function shop.keep_open_step();
create trigger keep_open_step_delete after delete on shop.job_steps for each row
when (old.status in ('pending', 'ready', 'in_progress', 'paused', 'blocked')) execute function shop.keep_open_step();

create function shop.keep_open_steps() returns trigger language plpgsql as $$
begin
  if new.status not in ('active', 'in_progress') then
    delete from shop.open_steps o where o.business_id = new.business_id and o.job_id = new.id;
  elsif old.status in ('active', 'in_progress') then
    update shop.open_steps o set priority = new.priority where o.business_id = new.business_id and o.job_id = new.id;
  else
    insert into shop.open_steps (business_id, step_id, job_id, process_id, assigned_to, machine_id, status, priority, due_at,
      est_minutes)
    select w.* from shop.waiting_steps w where w.business_id = new.business_id and w.job_id = new.id
    on conflict on constraint open_steps_pk do nothing;
  end if;
  return null;
end $$;
create trigger keep_open_steps after update on shop.jobs for each row
when ((old.status in ('active', 'in_progress')) <> (new.status in ('active', 'in_progress'))
  or old.priority <> new.priority and new.status in ('active', 'in_progress'))
execute function shop.keep_open_steps();

-- Makes shop.open_steps what it has to be, of one business or of all, and returns how many rows were not. Nobody writes steps
-- meanwhile.
create function shop.rebuild_open_steps(p_business uuid default null) returns int language plpgsql as $$
declare
  v_rows int; v_rebuilt int;
begin
  lock table shop.jobs, shop.job_steps in share row exclusive mode;
  delete from shop.open_steps o where (p_business is null or o.business_id = p_business)
    and not exists (select from shop.waiting_steps w where w.business_id = o.business_id and w.step_id = o.step_id
      and w is not distinct from row(o.business_id, o.step_id, o.job_id, o.process_id, o.assigned_to, o.machine_id, o.status,
        o.priority, o.due_at, o.est_minutes));
  get diagnostics v_rebuilt = row_count;
  insert into shop.open_steps (business_id, step_id, job_id, process_id, assigned_to, machine_id, status, priority, due_at,
    est_minutes)
  select w.* from shop.waiting_steps w where p_business is null or w.business_id = p_business
  on conflict on constraint open_steps_pk do nothing;
  get diagnostics v_rows = row_count;
  return greatest(v_rebuilt, v_rows);
end $$;

------------------------------------------------------------------------------------------------------------ counters
-- shop.machine_steps {machine, status}: what waits for a machine, and its estimated minutes; shop.machine_due {machine, day}:
-- what of it is due on a day in UTC, so that what is late is a sum over days and what is due today.
create function shop.open_step_counts(o shop.open_steps)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select o.business_id, x.name, array[o.machine_id::text, x.word], x.total
  from (values
    ('shop.machine_steps', o.status::text, coalesce(o.est_minutes, 0)::numeric),
    ('shop.machine_due', to_char(o.due_at at time zone 'UTC', 'YYYY-MM-DD'), 0)) x (name, word, total)
  where o.machine_id is not null and o.status <> 'blocked' and x.word is not null
$$;
select core.keep_counters('shop.open_steps', 'shop.open_step_counts');

select shop.rebuild_open_steps();

-- What waits for a machine: steps of jobs that go on, and their estimated minutes. Blocked ones wait for something else.
create or replace function shop.machine_queue(p_business uuid, p_machine uuid)
returns table (running bigint, ready bigint, pending bigint, late bigint, minutes bigint)
language sql stable parallel safe rows 1 as $$
  select q.running, q.ready, q.pending, d.late + t.late, q.minutes
  from (
    select coalesce(sum(v.count) filter (where v.dimension[2] = 'in_progress'), 0)::bigint as running,
      coalesce(sum(v.count) filter (where v.dimension[2] in ('ready', 'paused')), 0)::bigint as ready,
      coalesce(sum(v.count) filter (where v.dimension[2] = 'pending'), 0)::bigint as pending,
      coalesce(sum(v.total), 0)::bigint as minutes
    from core.counter_values v where v.business_id = p_business and v.name = 'shop.machine_steps'
      and v.dimension >= array[p_machine::text] and v.dimension < array[p_machine::text, '~']) q
  cross join (
    select coalesce(sum(v.count), 0)::bigint as late
    from core.counter_values v where v.business_id = p_business and v.name = 'shop.machine_due'
      and v.dimension >= array[p_machine::text]
      and v.dimension < array[p_machine::text, to_char(now() at time zone 'UTC', 'YYYY-MM-DD')]) d
  cross join (
    select count(*) as late from shop.open_steps o
    where o.business_id = p_business and o.machine_id = p_machine and o.status <> 'blocked'
      and o.due_at >= date_trunc('day', now(), 'UTC') and o.due_at < now()) t $$;

-- As in 0041, and cheaper: intervals are summed, which are whole numbers, and divided once.
create or replace function shop.machine_time(p_business uuid, p_machine uuid, p_from timestamptz, p_to timestamptz)
returns table (run numeric, performance_loss numeric, quality_loss numeric, availability_loss numeric)
language sql stable parallel safe rows 1 as $$
  select coalesce(extract(epoch from sum(t.span) filter (where t.kind in ('setup', 'productive'))) / 60, 0),
    coalesce(extract(epoch from sum(t.span) filter (where t.kind = 'performance_loss')) / 60, 0),
    coalesce(extract(epoch from sum(t.span) filter (where t.kind = 'quality_loss')) / 60, 0),
    coalesce(extract(epoch from sum(t.span) filter (where t.kind = 'availability_loss')) / 60, 0)
  from (
    select l.kind, least(coalesce(l.ended_at, now()), p_to, now()) - greatest(l.started_at, p_from) as span
    from shop.time_logs l
    where l.business_id = p_business and l.machine_id = p_machine
      -- a log that is too long has ended, but for the time its background job may be late
      and l.started_at >= p_from - interval '48 hours' and l.started_at < least(p_to, now())
      and coalesce(l.ended_at, now()) > p_from) t $$;

-------------------------------------------------------------------------------------------------------------- proofs
-- Queues: they have what waits, as it is.
create function shop.broken_queue(p_business uuid) returns text language sql stable as $$
  select format('step %s of job %s is not in its queues as it is', step_id, coalesce(w.job_id, o.job_id))
  from (select x.* from shop.waiting_steps x where x.business_id = p_business) w
  full join (select x.business_id, x.step_id, x.job_id, x.process_id, x.assigned_to, x.machine_id, x.status, x.priority,
      x.due_at, x.est_minutes
    from shop.open_steps x where x.business_id = p_business) o using (step_id)
  where w is distinct from o order by step_id limit 1
$$;

create or replace function shop.verify(p_business uuid) returns table (part text, broken text) language sql stable as $$
  select c.part, c.broken
  from (values ('jobs', shop.broken_job(p_business)), ('steps', shop.broken_step(p_business)),
    ('dependencies', shop.broken_dependency(p_business)), ('time', shop.broken_time(p_business)),
    ('queues', shop.broken_queue(p_business))) c (part, broken)
  where c.broken is not null
$$;
