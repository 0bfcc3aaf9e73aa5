-- Work in the shop: who may do what with a step, how steps wait for one another, how a job follows its steps, and how both
-- look. The moves of jobs and steps are tables in src/shop/job-moves.ts and step-moves.ts.
--
-- Lock order: the job, its steps by id, machines by id. Whoever changes a step has locked its job, so branches of one job are
-- counted one after the other and the next steps become ready once. Time is read after the locks (clock_timestamp): a
-- transaction may have waited for the one that began later.
-- is_reopened: in progress though all its steps are over, until one of them is open again.
alter table shop.jobs add column cancel_reason text, add column reopen_reason text,
  add column is_reopened boolean not null default false;

---------------------------------------------------------------------------------------------- refusals, moves, messages
-- Refuses under a name of refusals.ts, with what may be told of it; without a name nothing is refused.
create function core.refuse(p_name text, p_detail jsonb default null) returns void language plpgsql as $$
begin
  if p_name is null then return; end if;
  raise exception 'refused: %', p_name using errcode = '23514', constraint = p_name, detail = coalesce(p_detail::text, '');
end $$;

-- The legal move of an action from a status. p_moves: a table of moves as JSON: [{"action", "from", "to", …}].
-- Refusal: illegal_transition {from, to, allowed}.
create function core.move_of(p_moves jsonb, p_action text, p_from text) returns jsonb language plpgsql as $$
declare
  v_move jsonb;
begin
  select m into v_move from jsonb_array_elements(p_moves) m where m ->> 'action' = p_action and m ->> 'from' = p_from;
  if not found then
    perform core.refuse('illegal_transition', jsonb_build_object('from', p_from,
      'to', (select m -> 'to' from jsonb_array_elements(p_moves) with ordinality o (m, n) where m ->> 'action' = p_action
             order by n desc limit 1),
      'allowed', (select coalesce(jsonb_agg(distinct m -> 'to'), '[]') from jsonb_array_elements(p_moves) m
                  where m ->> 'from' = p_from)));
  end if;
  return v_move;
end $$;

-- Tells members of a business something: those named by their ids or their persons', and all of the roles named, each once;
-- who acts is not told. p_notification: type, title, body, ref_type, ref_id.
create function core.notify(p_business uuid, p_members uuid[], p_users uuid[], p_roles core.member_role[],
  p_notification jsonb) returns void language sql volatile as $$
  insert into core.notifications (business_id, user_id, type, title, body, ref_type, ref_id)
  select p_business, m.user_id, n.type, n.title, n.body, n.ref_type, n.ref_id
  from core.memberships m,
    jsonb_to_record(p_notification) n (type text, title text, body text, ref_type text, ref_id uuid)
  where m.business_id = p_business and m.status = 'active'
    and (m.id = any (p_members) or m.user_id = any (p_users) or m.role = any (p_roles))
    and m.user_id is distinct from core.app_setting('user_id')::uuid
$$;

-- A UUIDv7 (RFC 9562), for rows that nobody asked for one by one: pages go by time. PostgreSQL has its own from 18 on.
create function core.new_id() returns uuid language sql volatile as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1),
    'hex')::uuid
$$;
create or replace function ledger.new_id() returns uuid language sql volatile return core.new_id();

create or replace function savings.refuse(p_name text, p_detail jsonb default null) returns void language sql volatile
return core.refuse(p_name, p_detail);
create or replace function savings.move_of(p_moves jsonb, p_action text, p_from text) returns jsonb language sql volatile
return core.move_of(p_moves, p_action, p_from);
create or replace function savings.notify(p_business uuid, p_members uuid[], p_roles core.member_role[],
  p_notification jsonb) returns void language sql volatile
return core.notify(p_business, p_members, null, p_roles, p_notification);

---------------------------------------------------------------------------------------------------------- permissions
-- Whether a role may view, work on or assign steps of a process. Staff may all; a process without rows is open to everyone
-- in the shop, one with rows to the roles that they name.
create function shop.may(p_business uuid, p_role core.member_role, p_process uuid, p_what text) returns boolean
language sql stable parallel safe
return p_role in ('owner', 'admin', 'manager') or coalesce((
  select bool_or(r.role = p_role
    and case p_what when 'view' then r.can_view when 'work' then r.can_work else r.can_assign end)
  from shop.role_process_permissions r where r.business_id = p_business and r.process_id = p_process), true);

------------------------------------------------------------------------------------------------------------- numbers
-- The next job number of a business, as the setting shop.job_number writes it, from the counter of the year of its calendar
-- (of all years where the form names none): consecutive, because the counter's row is locked until the job is there.
create function shop.next_job_number(p_business uuid) returns text language plpgsql as $$
declare
  v_form text := coalesce(core.setting(p_business, 'shop.job_number') #>> '{}', 'JOB-{year}-{n:6}');
  v_year text := to_char(core.business_today(p_business), 'YYYY');
  v_period text := case when v_form like '%{year}%' then v_year else '' end;
  v_digits int := coalesce(substring(v_form from '\{n:([1-9])\}$')::int, 1);
  v_n bigint; v_number text;
begin
  loop
    insert into core.sequences as s (business_id, name, period, next_value) values (p_business, 'job', v_period, 2)
    on conflict on constraint sequences_pk do update set next_value = s.next_value + 1
    returning s.next_value - 1 into v_n;
    v_number := regexp_replace(replace(v_form, '{year}', v_year), '\{n(:[1-9])?\}$',
      lpad(v_n::text, greatest(v_digits, length(v_n::text)), '0'));
    -- another form may have made this number before
    exit when not exists (select from shop.jobs j where j.business_id = p_business and j.job_number = v_number);
  end loop;
  return v_number;
end $$;

--------------------------------------------------------------------------------------------------------------- locks
-- Locks the job that a caller asks to change, at the version they know (null: any). Null: not there. Refusal: stale_version.
create function shop.lock_job(p_business uuid, p_id uuid, p_version int default null) returns shop.jobs
language plpgsql as $$
declare
  v shop.jobs;
begin
  select * into v from shop.jobs j where j.business_id = p_business and j.id = p_id for no key update;
  if not found then return null; end if;
  if v.version <> p_version then perform core.refuse('stale_version'); end if;
  return v;
end $$;

-- Locks a step, and before it its job. Null: not there. Refusal: stale_version.
create function shop.lock_step(p_business uuid, p_id uuid, p_version int default null) returns shop.job_steps
language plpgsql as $$
declare
  v shop.job_steps;
begin
  perform from shop.jobs j where j.business_id = p_business
    and j.id = (select s.job_id from shop.job_steps s where s.business_id = p_business and s.id = p_id) for no key update;
  select * into v from shop.job_steps s where s.business_id = p_business and s.id = p_id for no key update;
  if not found then return null; end if;
  if v.version <> p_version then perform core.refuse('stale_version'); end if;
  return v;
end $$;

------------------------------------------------------------------------------------------------------ steps of a job
-- Refuses a step whose process, machine or member cannot be: job_steps_process_fk (not there, archived), and those of
-- shop.check_machine and shop.check_member.
create function shop.check_step(s shop.job_steps) returns void language plpgsql stable as $$
begin
  if not exists (select from shop.processes p where p.business_id = s.business_id and p.id = s.process_id and p.is_active)
  then
    perform core.refuse('job_steps_process_fk');
  end if;
  perform shop.check_machine(s);
  perform shop.check_member(s);
end $$;

-- Refuses a step whose machine cannot be: job_steps_machine_fk (not there, archived), machine_process_mismatch.
create function shop.check_machine(s shop.job_steps) returns void language plpgsql stable as $$
begin
  if s.machine_id is null then return; end if;
  if not exists (select from shop.machines m where m.business_id = s.business_id and m.id = s.machine_id and m.is_active)
  then
    perform core.refuse('job_steps_machine_fk');
  elsif not exists (select from shop.machine_processes mp
    where mp.business_id = s.business_id and mp.machine_id = s.machine_id and mp.process_id = s.process_id) then
    perform core.refuse('machine_process_mismatch');
  end if;
end $$;

-- Refuses a step whose member cannot be: job_steps_assigned_fk (nobody of the shop), job_steps_assigned_role (a role that may
-- not work on the process).
create function shop.check_member(s shop.job_steps) returns void language plpgsql stable as $$
declare
  v_role core.member_role;
begin
  if s.assigned_to is null then return; end if;
  select m.role into v_role from core.memberships m
  where m.business_id = s.business_id and m.id = s.assigned_to and m.status = 'active'
    and m.role in ('owner', 'admin', 'manager', 'operator');
  if not found then
    perform core.refuse('job_steps_assigned_fk');
  elsif not shop.may(s.business_id, v_role, s.process_id, 'work') then
    perform core.refuse('job_steps_assigned_role');
  end if;
end $$;

-- Adds steps behind those that a locked job has. p_steps: [{id, process_id, machine_id, assigned_to, planned_start,
-- planned_end, due_at, est_minutes, qty_target, allowance_bps, instructions, depends_on: [index in this list, from 1]}]; what
-- is left out comes from the process, the job and the settings. depends_on left out or null: the step before it, in this list
-- or already there; empty: none. The caller settles the job. Refusals: of shop.check_step; job_steps_depends_on (no such
-- index, itself), job_steps_count (over 200).
create function shop.add_steps(j shop.jobs, p_steps jsonb) returns void language plpgsql as $$
declare
  v_last smallint := coalesce((select max(s.position) from shop.job_steps s
    where s.business_id = j.business_id and s.job_id = j.id), 0);
  v_last_id uuid := (select s.id from shop.job_steps s
    where s.business_id = j.business_id and s.job_id = j.id order by s.position desc limit 1);
  v_allowance int := coalesce((core.setting(j.business_id, 'shop.over_production_bps') #>> '{}')::int, 0);
  v_step shop.job_steps;
begin
  if j.steps_total + jsonb_array_length(p_steps) > 200 then perform core.refuse('job_steps_count'); end if;
  for v_step in
    select (jsonb_populate_record(null::shop.job_steps, (g.step - 'depends_on') || jsonb_build_object(
      'business_id', j.business_id, 'job_id', j.id, 'position', v_last + g.n, 'status', 'pending',
      'est_minutes', coalesce((g.step ->> 'est_minutes')::int, p.default_minutes),
      'qty_target', coalesce((g.step ->> 'qty_target')::numeric, j.quantity),
      'allowance_bps', coalesce((g.step ->> 'allowance_bps')::int, v_allowance),
      'qty_good', 0, 'qty_scrap', 0, 'version', 1, 'created_at', now(), 'updated_at', now()))).*
    from jsonb_array_elements(p_steps) with ordinality g (step, n)
    left join shop.processes p on p.business_id = j.business_id and p.id = (g.step ->> 'process_id')::uuid
    order by g.n
  loop
    perform shop.check_step(v_step);
    insert into shop.job_steps select v_step.*;
  end loop;
  if exists (select from jsonb_array_elements(p_steps) with ordinality g (step, n)
    cross join lateral jsonb_array_elements_text(case when jsonb_typeof(g.step -> 'depends_on') = 'array'
      then g.step -> 'depends_on' else '[]' end) d (needed)
    where d.needed::int not between 1 and jsonb_array_length(p_steps) or d.needed::int = g.n) then
    perform core.refuse('job_steps_depends_on');
  end if;
  insert into shop.step_dependencies (business_id, step_id, depends_on)
  select distinct j.business_id, (g.step ->> 'id')::uuid, coalesce((p_steps -> (d.needed - 1) ->> 'id')::uuid, v_last_id)
  from jsonb_array_elements(p_steps) with ordinality g (step, n)
  cross join lateral (
    select x.needed::int from jsonb_array_elements_text(case when jsonb_typeof(g.step -> 'depends_on') = 'array'
      then g.step -> 'depends_on' else '[]' end) x (needed)
    union all
    select (g.n - 1)::int where coalesce(jsonb_typeof(g.step -> 'depends_on'), 'null') = 'null'
      and (g.n > 1 or v_last_id is not null)) d;
  perform shop.check_dependencies(j.business_id, j.id);
end $$;

-- Whether dependencies of a job go round in a circle: steps that wait for nobody are taken away until none is left.
create function shop.has_circle(p_business uuid, p_job uuid) returns boolean language plpgsql stable as $$
declare
  v_left uuid[] := array(select s.id from shop.job_steps s where s.business_id = p_business and s.job_id = p_job);
  v_next uuid[];
begin
  while cardinality(v_left) > 0 loop
    v_next := array(select distinct d.step_id from shop.step_dependencies d
      where d.business_id = p_business and d.step_id = any (v_left) and d.depends_on = any (v_left));
    if cardinality(v_next) = cardinality(v_left) then return true; end if;
    v_left := v_next;
  end loop;
  return false;
end $$;

-- Refuses dependencies of a job that go round in a circle: dependency_cycle.
create function shop.check_dependencies(p_business uuid, p_job uuid) returns void language plpgsql stable as $$
begin
  if shop.has_circle(p_business, p_job) then perform core.refuse('dependency_cycle'); end if;
end $$;

-- Whether a step waits for another one.
create function shop.waits(s shop.job_steps) returns boolean language sql stable parallel safe
return exists (
  select from shop.step_dependencies d
  join shop.job_steps n on n.business_id = d.business_id and n.id = d.depends_on
  where d.business_id = s.business_id and d.step_id = s.id and n.status not in ('completed', 'skipped', 'cancelled'));

-- Makes a locked job follow its steps, after any change of them: pending steps that wait for nobody become ready (and ready
-- ones that wait again pending), steps are counted, the first start makes the job in_progress, the last end completed, and a
-- completed one with an open step is in_progress again; one that was reopened waits for that. Tells operators what became ready, staff and the job's creator what is
-- completed. Returns the job as it is then.
create function shop.settle_job(p_business uuid, p_job uuid) returns shop.jobs language plpgsql as $$
declare
  v_old shop.jobs; v shop.jobs; v_step record;
begin
  select * into v_old from shop.jobs j where j.business_id = p_business and j.id = p_job for no key update;
  v := v_old;
  if v.status not in ('draft', 'cancelled') then
    for v_step in
      update shop.job_steps s set status = case s.status when 'pending' then 'ready' else 'pending' end::shop.step_status
      where s.business_id = p_business and s.job_id = p_job and s.status in ('pending', 'ready')
        and (s.status = 'pending') <> shop.waits(s)
      returning s.*
    loop
      if v_step.status = 'ready' and v_step.assigned_to is not null then
        perform shop.tell_of_step(v_step.business_id, v_step.id, 'shop.step_ready', 'A step is ready');
      end if;
    end loop;
  end if;
  select count(*), count(*) filter (where s.status in ('completed', 'skipped', 'cancelled')), min(s.started_at)
  into v.steps_total, v.steps_done, v.started_at
  from shop.job_steps s where s.business_id = p_business and s.job_id = p_job;
  v.started_at := coalesce(v_old.started_at, v.started_at);
  v.is_reopened := v_old.is_reopened and v.steps_done = v.steps_total;
  if v.status in ('active', 'in_progress', 'completed') then
    v.status := case when v.steps_total > 0 and v.steps_done = v.steps_total and not v.is_reopened then 'completed'
      when v.status = 'completed' or v.started_at is not null then 'in_progress' else v.status end;
    v.completed_at := case when v.status = 'completed' then coalesce(v_old.completed_at, clock_timestamp()) end;
  end if;
  if v is distinct from v_old then
    update shop.jobs j set status = v.status, steps_total = v.steps_total, steps_done = v.steps_done,
      started_at = v.started_at, completed_at = v.completed_at, is_reopened = v.is_reopened
    where j.business_id = p_business and j.id = p_job returning * into v;
    if v.status = 'completed' and v_old.status <> 'completed' then
      perform shop.tell_of_job(v, 'shop.job_completed', 'A job is completed');
    end if;
  end if;
  return v;
end $$;

------------------------------------------------------------------------------------------------------------ messages
-- Tells staff and the job's creator.
create function shop.tell_of_job(j shop.jobs, p_type text, p_title text, p_body text default null) returns void
language sql volatile
return core.notify(j.business_id, null, array[j.created_by], '{owner,admin,manager}', jsonb_build_object('type', p_type,
  'title', p_title, 'body', concat_ws(': ', j.job_number || ', ' || j.title, p_body), 'ref_type', 'shop.job',
  'ref_id', j.id));

-- Tells the operator of a step, and the roles named.
create function shop.tell_of_step(p_business uuid, p_step uuid, p_type text, p_title text, p_body text default null,
  p_roles core.member_role[] default '{}') returns void language plpgsql as $$
declare
  s record;
begin
  select x.assigned_to, j.job_number, j.title, p.name into s
  from shop.job_steps x join shop.jobs j on j.business_id = x.business_id and j.id = x.job_id
  join shop.processes p on p.business_id = x.business_id and p.id = x.process_id
  where x.business_id = p_business and x.id = p_step;
  perform core.notify(p_business, array[s.assigned_to], null, p_roles, jsonb_build_object('type', p_type, 'title', p_title,
    'body', concat_ws(': ', s.name || ' of ' || s.job_number || ', ' || s.title, p_body), 'ref_type', 'shop.job_step',
    'ref_id', p_step));
end $$;

---------------------------------------------------------------------------------------------------------------- time
-- Ends the open logs of a step, of work and of losses. p_reason: why they end, where somebody says so. Returns how many.
create function shop.end_logs(p_business uuid, p_step uuid, p_at timestamptz, p_reason text default null) returns int
language plpgsql as $$
declare
  v_ended int;
begin
  update shop.time_logs l set ended_at = greatest(p_at, l.started_at + interval '1 microsecond'),
    reason = coalesce(p_reason, l.reason)
  where l.business_id = p_business and l.step_id = p_step and l.ended_at is null;
  get diagnostics v_ended = row_count;
  return v_ended;
end $$;

-------------------------------------------------------------------------------------------------------------- bodies
-- A step as answers show it. Quantities are numbers; worked_minutes is the sum of the step's logs of work up to now.
create function shop.step_body(s shop.job_steps) returns json language sql stable parallel safe as $$
  select json_build_object(
    'id', s.id, 'job_id', s.job_id, 'position', s.position, 'status', s.status,
    'process', json_build_object('id', p.id, 'code', p.code, 'name', p.name),
    'machine', case when m.id is not null then json_build_object('id', m.id, 'code', m.code, 'name', m.name) end,
    'assigned_to', s.assigned_to, 'assigned_name', u.full_name,
    'planned_start', core.iso(s.planned_start), 'planned_end', core.iso(s.planned_end), 'due_at', core.iso(s.due_at),
    'overdue', coalesce(s.due_at < now() and s.status not in ('completed', 'skipped', 'cancelled'), false),
    'est_minutes', s.est_minutes, 'worked_minutes', (
      select coalesce(round(sum(extract(epoch from coalesce(l.ended_at, now()) - l.started_at)) / 60)::int, 0)
      from shop.time_logs l
      where l.business_id = s.business_id and l.step_id = s.id and l.kind in ('setup', 'productive')),
    'qty_target', trim_scale(s.qty_target), 'allowance_bps', s.allowance_bps,
    'qty_good', trim_scale(s.qty_good), 'qty_scrap', trim_scale(s.qty_scrap), 'block_reason', s.block_reason,
    'started_at', core.iso(s.started_at), 'completed_at', core.iso(s.completed_at), 'instructions', s.instructions,
    'depends_on', (select coalesce(json_agg(d.depends_on order by d.depends_on), '[]') from shop.step_dependencies d
      where d.business_id = s.business_id and d.step_id = s.id),
    'version', s.version)
  from shop.processes p
  left join shop.machines m on m.business_id = s.business_id and m.id = s.machine_id
  left join core.memberships b on b.business_id = s.business_id and b.id = s.assigned_to
  left join core.users u on u.id = b.user_id
  where p.business_id = s.business_id and p.id = s.process_id $$;

-- A job with the steps that a role may view, as answers show it.
create function shop.job_body(j shop.jobs, p_role core.member_role) returns json language sql stable parallel safe as $$
  select json_build_object(
    'id', j.id, 'job_number', j.job_number, 'title', j.title, 'description', j.description, 'status', j.status,
    'priority', j.priority, 'due_on', j.due_on,
    'overdue', coalesce(j.due_on < core.business_today(j.business_id), false)
      and j.status in ('active', 'in_progress', 'on_hold'),
    'customer_id', j.customer_id, 'customer_name', (select k.name from core.customers k
      where k.business_id = j.business_id and k.id = j.customer_id),
    'quantity', trim_scale(j.quantity), 'unit', j.unit,
    'price', case when j.price is not null then json_build_object('amount', j.price, 'currency', j.currency) end,
    'revision_no', j.revision_no, 'steps_total', j.steps_total, 'steps_done', j.steps_done,
    'hold_reason', j.hold_reason, 'cancel_reason', j.cancel_reason, 'reopen_reason', j.reopen_reason,
    'started_at', core.iso(j.started_at), 'completed_at', core.iso(j.completed_at),
    'created_by', j.created_by, 'created_at', core.iso(j.created_at),
    'updated_by', j.updated_by, 'updated_at', core.iso(j.updated_at), 'version', j.version,
    'steps', (select coalesce(json_agg(shop.step_body(s) order by s.position), '[]') from shop.job_steps s
      where s.business_id = j.business_id and s.job_id = j.id and shop.may(j.business_id, p_role, s.process_id, 'view'))) $$;
