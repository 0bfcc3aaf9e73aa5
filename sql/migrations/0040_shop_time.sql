-- Working on steps: their moves, the time that is worked and lost, what is produced. The moves themselves are a table in
-- src/shop/step-moves.ts. Locks as in 0037: the job, the step, its machine, its operator.
--
-- No log is longer than 24 hours (shop.end_long_log), so what ran at an instant began within a day of it.

-- What runs now, of a machine and of an operator; those that run too long.
create index time_logs_open_ix on shop.time_logs (business_id, machine_id, operator_id) include (started_at, kind)
  where ended_at is null;
create index time_logs_long_ix on shop.time_logs (started_at) where ended_at is null;
-- What an operator finished, with all that their figures count.
create index steps_performance_ix on shop.job_steps (business_id, assigned_to, completed_at)
  include (due_at, est_minutes, qty_good, qty_scrap) where status = 'completed';

------------------------------------------------------------------------------------------------------- who, and when
-- Refuses (process_not_permitted) who may not work on a step: staff may on all, others on what is theirs or nobody's, where
-- their role may work on the process.
create function shop.check_worker(s shop.job_steps, p_member uuid, p_role core.member_role) returns void
language plpgsql stable as $$
begin
  if p_role not in ('owner', 'admin', 'manager') and (coalesce(s.assigned_to <> p_member, false)
    or not shop.may(s.business_id, p_role, s.process_id, 'work')) then
    perform core.refuse('process_not_permitted');
  end if;
end $$;

-- The legal move of an action from where a step and its job are. Refusal: illegal_transition {from, to, allowed}, and with
-- {job_status} where it is the job that does not allow it.
create function shop.step_move(s shop.job_steps, p_action text, p_moves jsonb) returns jsonb language plpgsql stable as $$
declare
  v_job shop.job_status := (select j.status from shop.jobs j where j.business_id = s.business_id and j.id = s.job_id);
begin
  if v_job in ('active', 'in_progress') or v_job = 'completed' and p_action = 'reopen' then
    return core.move_of(p_moves, p_action, s.status::text);
  end if;
  perform core.refuse('illegal_transition', jsonb_build_object('from', s.status, 'job_status', v_job,
    'to', jsonb_path_query_first(p_moves, '$[*] ? (@.action == $action).to', jsonb_build_object('action', p_action)),
    'allowed', case when v_job = 'completed' then jsonb_path_query_array(p_moves,
      '$[*] ? (@.action == "reopen" && @.from == $from).to', jsonb_build_object('from', s.status)) else '[]' end));
end $$;

--------------------------------------------------------------------------------------------------------- what can run
-- The highest number of steps that a machine runs at any instant of [p_from, p_to): that is highest where one begins.
create function shop.machine_peak(p_business uuid, p_machine uuid, p_from timestamptz, p_to timestamptz) returns int
language sql stable as $$
  with running as (
    select l.started_at, 'infinity'::timestamptz as ended_at from shop.time_logs l
    where l.business_id = p_business and l.machine_id = p_machine and l.ended_at is null and l.started_at < p_to
      and l.kind in ('setup', 'productive')
    union all
    select l.started_at, l.ended_at from shop.time_logs l
    where l.business_id = p_business and l.machine_id = p_machine and l.ended_at > p_from
      and l.started_at >= p_from - interval '24 hours' and l.started_at < p_to and l.kind in ('setup', 'productive'))
  select coalesce(max(peak.n), 0)::int
  from (select p_from as at union select r.started_at from running r where r.started_at > p_from) instants
  cross join lateral (
    select count(*) as n from running r where r.started_at <= instants.at and r.ended_at > instants.at) peak $$;

-- Why a step cannot run now, as the name of a refusal; null: it can. Locks its machine and then its operator, so that the
-- answer is true until the transaction ends. machine_unavailable, machine_process_mismatch, machine_overlap,
-- operator_overlap.
create function shop.run_refusal(s shop.job_steps) returns text language plpgsql as $$
declare
  m shop.machines;
begin
  if s.machine_id is not null then
    select * into m from shop.machines x where x.business_id = s.business_id and x.id = s.machine_id for no key update;
    if not m.is_active or m.status <> 'active' or exists (select from shop.time_logs l
      where l.business_id = m.business_id and l.machine_id = m.id and l.step_id is null and l.kind = 'availability_loss'
        and l.ended_at is null) then
      return 'machine_unavailable';
    elsif not exists (select from shop.machine_processes p
      where p.business_id = m.business_id and p.machine_id = m.id and p.process_id = s.process_id) then
      return 'machine_process_mismatch';
    elsif shop.machine_peak(m.business_id, m.id, clock_timestamp(), 'infinity') >= m.capacity then
      return 'machine_overlap';
    end if;
  end if;
  -- Two transactions that met in the exclusion constraint would wait for one another.
  perform from core.memberships b where b.business_id = s.business_id and b.id = s.assigned_to for no key update;
  if not shop.parallel_work(s.business_id) and exists (select from shop.time_logs l
    where l.business_id = s.business_id and l.operator_id = s.assigned_to and l.ended_at is null) then
    return 'operator_overlap';
  end if;
  return null;
end $$;

-- Whether operators of a business may have several steps running at the same time.
create function shop.parallel_work(p_business uuid) returns boolean language sql stable
return coalesce((core.setting(p_business, 'shop.parallel_work') #>> '{}')::boolean, false);

-- Opens a log of a step: of work, with its operator, after shop.run_refusal has let it, or of a loss.
create function shop.open_log(s shop.job_steps, p_id uuid, p_kind shop.time_kind, p_reason text, p_at timestamptz)
returns void language sql volatile as $$
  insert into shop.time_logs (business_id, id, step_id, machine_id, operator_id, kind, reason, started_at,
    exclusive_operator, exclusive_machine)
  select s.business_id, p_id, s.id, s.machine_id,
    case when p_kind in ('setup', 'productive') then s.assigned_to end, p_kind, p_reason, p_at,
    not shop.parallel_work(s.business_id),
    coalesce((select m.capacity = 1 from shop.machines m where m.business_id = s.business_id and m.id = s.machine_id), true)
$$;

---------------------------------------------------------------------------------------------------------------- moves
-- Moves a step. p_given: kind (of work for start and resume, of a loss for pause and block), reason, machine_id (start),
-- qty_good and qty_scrap (complete: a last report). p_next_id: of the log, the report and the note that it makes. Out: the
-- step after it; nulls: not there. Refusals: stale_version, process_not_permitted, illegal_transition, job_steps_machine_fk, those of
-- shop.run_refusal, dependent_started, over_production.
create function shop.move_step(p_business uuid, p_member uuid, p_role core.member_role, p_step uuid, p_version int,
  p_action text, p_moves jsonb, p_given jsonb, p_next_id uuid, out version int, out body json) language plpgsql as $$
declare
  s shop.job_steps := shop.lock_step(p_business, p_step, p_version);
  v_to shop.step_status; v_refusal text; v_at timestamptz;
  v_kind shop.time_kind := p_given ->> 'kind'; v_reason text := p_given ->> 'reason';
begin
  if s.id is null then return; end if;
  perform shop.check_worker(s, p_member, p_role);
  v_to := shop.step_move(s, p_action, p_moves) ->> 'to';
  if p_action = 'unblock' then v_to := s.status_before_block; end if;
  if p_action = 'reopen' then perform shop.check_reopen(s); end if;
  if p_action = 'start' then s := shop.on_machine(s, (p_given ->> 'machine_id')::uuid); end if;
  if p_action in ('start', 'resume') then s.assigned_to := coalesce(s.assigned_to, p_member); end if;
  if v_to = 'in_progress' then
    -- a step that is nobody's by now is run again by whoever resumes it
    v_refusal := case when s.assigned_to is null then 'operator_overlap' else shop.run_refusal(s) end;
    if v_refusal is not null and p_action <> 'unblock' then perform core.refuse(v_refusal); end if;
    if v_refusal is not null then v_to := 'paused'; end if;
  end if;
  v_at := clock_timestamp();
  perform shop.end_logs(p_business, p_step, v_at, case when p_action = 'pause' then v_reason end);
  if v_to = 'in_progress' then
    perform shop.open_log(s, p_next_id, coalesce(v_kind, case when p_action = 'unblock' then shop.last_work(s) end, 'productive'),
      null, v_at);
  elsif v_kind is not null then
    perform shop.open_log(s, p_next_id, v_kind, v_reason, v_at);
  end if;
  if coalesce((p_given ->> 'qty_good')::numeric, 0) + coalesce((p_given ->> 'qty_scrap')::numeric, 0) > 0 then
    perform shop.keep_report(s, p_member, p_given, p_next_id);
  end if;
  if p_action in ('skip', 'reopen') and v_reason is not null then
    insert into shop.step_notes (business_id, id, step_id, author_id, note)
    values (p_business, p_next_id, p_step, p_member, v_reason);
  end if;
  update shop.job_steps x set status = v_to, assigned_to = s.assigned_to, machine_id = s.machine_id,
    status_before_block = case when v_to = 'blocked' then s.status end,
    block_reason = case when v_to = 'blocked' then v_reason end,
    started_at = coalesce(x.started_at, case when v_to = 'in_progress' then v_at end),
    started_by = coalesce(x.started_by, case when v_to = 'in_progress' then p_member end),
    completed_at = case when v_to = 'completed' then v_at end,
    completed_by = case when v_to = 'completed' then p_member end,
    qty_good = x.qty_good + coalesce((p_given ->> 'qty_good')::numeric, 0),
    qty_scrap = x.qty_scrap + coalesce((p_given ->> 'qty_scrap')::numeric, 0)
  where x.business_id = p_business and x.id = p_step;
  perform shop.settle_job(p_business, s.job_id);
  if v_to = 'blocked' then
    perform shop.tell_of_step(p_business, p_step, 'shop.step_blocked', 'A step is blocked', v_reason,
      '{owner,admin,manager}');
  end if;
  select * into s from shop.job_steps x where x.business_id = p_business and x.id = p_step;
  version := s.version; body := shop.step_body(s);
end $$;

-- A step on another machine of the business, if one is given. Refusal: job_steps_machine_fk.
create function shop.on_machine(s shop.job_steps, p_machine uuid) returns shop.job_steps language plpgsql stable as $$
begin
  if p_machine is not null and not exists (
    select from shop.machines m where m.business_id = s.business_id and m.id = p_machine) then
    perform core.refuse('job_steps_machine_fk');
  end if;
  s.machine_id := coalesce(p_machine, s.machine_id);
  return s;
end $$;

-- Refuses (dependent_started) to reopen a step that another one has followed.
create function shop.check_reopen(s shop.job_steps) returns void language plpgsql stable as $$
begin
  if exists (select from shop.step_dependencies d
    join shop.job_steps n on n.business_id = d.business_id and n.id = d.step_id
    where d.business_id = s.business_id and d.depends_on = s.id
      and coalesce(n.status_before_block, n.status) in ('in_progress', 'paused', 'completed')) then
    perform core.refuse('dependent_started');
  end if;
end $$;

-- The kind of work that a step was last run as.
create function shop.last_work(s shop.job_steps) returns shop.time_kind language sql stable
return (select l.kind from shop.time_logs l where l.business_id = s.business_id and l.step_id = s.id
  and l.kind in ('setup', 'productive') order by l.started_at desc limit 1);

----------------------------------------------------------------------------------------------------------- production
-- Keeps a report of a step; its sums are the caller's. p_given: qty_good, qty_scrap, reason.
create function shop.keep_report(s shop.job_steps, p_member uuid, p_given jsonb, p_id uuid)
returns shop.production_reports language sql volatile as $$
  insert into shop.production_reports (business_id, id, step_id, qty_good, qty_scrap, reason, reported_by)
  values (s.business_id, p_id, s.id, coalesce((p_given ->> 'qty_good')::numeric, 0),
    coalesce((p_given ->> 'qty_scrap')::numeric, 0), p_given ->> 'reason', p_member)
  returning * $$;

-- Reports what a step has produced: good and scrap. Out: the report, and the step after it with its version; nulls: not
-- there. Refusals: stale_version, process_not_permitted, illegal_transition, over_production.
create function shop.report_production(p_business uuid, p_member uuid, p_role core.member_role, p_step uuid, p_version int,
  p_moves jsonb, p_given jsonb, p_next_id uuid, out version int, out body json) language plpgsql as $$
declare
  s shop.job_steps := shop.lock_step(p_business, p_step, p_version);
  r shop.production_reports;
begin
  if s.id is null then return; end if;
  perform shop.check_worker(s, p_member, p_role);
  perform shop.step_move(s, 'report', p_moves);
  r := shop.keep_report(s, p_member, p_given, p_next_id);
  update shop.job_steps x set qty_good = x.qty_good + r.qty_good, qty_scrap = x.qty_scrap + r.qty_scrap
  where x.business_id = p_business and x.id = p_step returning x.* into s;
  version := s.version;
  body := json_build_object('id', r.id, 'step_id', r.step_id, 'qty_good', trim_scale(r.qty_good),
    'qty_scrap', trim_scale(r.qty_scrap), 'reason', r.reason, 'reported_by', r.reported_by,
    'created_at', core.iso(r.created_at), 'step', shop.step_body(s));
end $$;

------------------------------------------------------------------------------------------------------- long logs
-- Ends the oldest log that has been open for 24 hours and that nobody is at: as of then, whenever this runs. The step of a
-- log of work is paused, and its operator told. A loss goes on: what is over of it becomes logs of 24 hours, and the open
-- log, which somebody may be about to end, keeps its id. p_limit: how many that somebody is at are passed over. Returns the id
-- of the log; null: there is none.
create function shop.end_long_log(p_limit int) returns uuid language plpgsql as $$
declare
  l shop.time_logs; v_job uuid; v_days int; v_day constant interval := interval '24 hours';
begin
  for l in select * from shop.time_logs x where x.ended_at is null and x.started_at <= clock_timestamp() - v_day
    order by x.started_at limit p_limit
  loop
    v_job := (select s.job_id from shop.job_steps s where s.business_id = l.business_id and s.id = l.step_id);
    if l.step_id is not null then
      perform from shop.jobs j where j.business_id = l.business_id and j.id = v_job for no key update skip locked;
      continue when not found;
    end if;
    select * into l from shop.time_logs x where x.business_id = l.business_id and x.id = l.id and x.ended_at is null
      and x.started_at <= clock_timestamp() - v_day for no key update skip locked;
    continue when not found;
    if l.kind in ('setup', 'productive') then
      perform shop.stop_at(l, l.started_at + v_day);
    else
      v_days := floor(extract(epoch from clock_timestamp() - l.started_at) / 86400);
      insert into shop.time_logs (business_id, step_id, machine_id, operator_id, kind, reason, started_at, ended_at,
        exclusive_operator, exclusive_machine)
      select l.business_id, l.step_id, l.machine_id, l.operator_id, l.kind, l.reason, l.started_at + v_day * g.n,
        l.started_at + v_day * (g.n + 1), l.exclusive_operator, l.exclusive_machine
      from generate_series(0, v_days - 1) g (n);
      update shop.time_logs x set started_at = l.started_at + v_day * v_days
      where x.business_id = l.business_id and x.id = l.id;
    end if;
    insert into core.cache_outbox (tags) values (array_remove(array[
      format('b:%s|shop_time', l.business_id), format('b:%s|shop_machines', l.business_id),
      format('b:%s|shop_steps', l.business_id), format('b:%s|shop_jobs', l.business_id),
      'b:' || l.business_id || '|shop_jobs:' || v_job], null));
    return l.id;
  end loop;
  return null;
end $$;

-- Ends a log of work as of an instant, and pauses its step.
create function shop.stop_at(l shop.time_logs, p_at timestamptz) returns void language plpgsql as $$
begin
  update shop.time_logs x set ended_at = p_at where x.business_id = l.business_id and x.id = l.id;
  update shop.job_steps s set status = 'paused'
  where s.business_id = l.business_id and s.id = l.step_id and s.status = 'in_progress';
  if found then
    perform shop.tell_of_step(l.business_id, l.step_id, 'shop.step_paused', 'A step is paused',
      'its time log was open for 24 hours');
  end if;
end $$;
