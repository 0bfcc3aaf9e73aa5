-- Planning of steps: added, changed, put in order, given to members and machines, taken away, while their job is not over.
-- All lock the job before its steps (see 0037), decide on what they have locked, and let the job follow. They return the body
-- of the answer: read outside, in the statement that calls them, it would be as it was before.

-- Refuses a change of the steps of a job that is over: illegal_transition, with the job's status in it.
create function shop.check_job_open(j shop.jobs) returns void language plpgsql as $$
begin
  if j.status in ('completed', 'cancelled') then
    perform core.refuse('illegal_transition', jsonb_build_object('from', j.status, 'to', j.status, 'allowed', '[]'::jsonb,
      'job_status', j.status));
  end if;
end $$;

-- Refuses a change that a step in its state does not take: illegal_transition from its state to the same.
create function shop.refuse_in_state(s shop.job_steps) returns void language sql volatile
return core.refuse('illegal_transition', jsonb_build_object('from', s.status, 'to', s.status, 'allowed', '[]'::jsonb));

-- Makes a step of a job wait for these steps and no others. Refusals: job_steps_depends_on (itself, or none of the job's),
-- dependency_cycle.
create function shop.set_dependencies(s shop.job_steps, p_depends_on uuid[]) returns void language plpgsql as $$
begin
  if s.id = any (p_depends_on) or exists (select from unnest(p_depends_on) d (id) where not exists (
    select from shop.job_steps n where n.business_id = s.business_id and n.job_id = s.job_id and n.id = d.id)) then
    perform core.refuse('job_steps_depends_on');
  end if;
  delete from shop.step_dependencies d
  where d.business_id = s.business_id and d.step_id = s.id and d.depends_on <> all (p_depends_on);
  insert into shop.step_dependencies (business_id, step_id, depends_on)
  select distinct s.business_id, s.id, d.id from unnest(p_depends_on) d (id)
  on conflict on constraint step_dependencies_pk do nothing;
  perform shop.check_dependencies(s.business_id, s.job_id);
end $$;

-- Puts the steps of a job on places 1, 2, 3 … in this order; those that stand there already are not touched.
create function shop.place_steps(p_business uuid, p_job uuid, p_ids uuid[]) returns void language sql volatile as $$
  update shop.job_steps s set position = o.position
  from unnest(p_ids) with ordinality o (id, position)
  where s.business_id = p_business and s.job_id = p_job and s.id = o.id and s.position <> o.position
$$;

-- Adds a step to a job. p_step: as shop.add_steps takes it, but for position (left out: last; those from there on move on) and
-- depends_on (ids of the job's steps; left out: the one before it). Null: no such job. Refusals: illegal_transition (the job is
-- over), process_not_permitted (gives it to somebody on a process that the role may not assign), job_steps_position, those of
-- shop.add_steps and shop.set_dependencies.
create function shop.add_step(p_business uuid, p_job uuid, p_role core.member_role, p_id uuid, p_step jsonb)
returns json language plpgsql as $$
declare
  j shop.jobs := shop.lock_job(p_business, p_job);
  v shop.job_steps;
  v_ids uuid[]; v_position int;
begin
  if j.id is null then return null; end if;
  perform shop.check_job_open(j);
  if (p_step ? 'assigned_to' or p_step ? 'machine_id')
    and not shop.may(p_business, p_role, (p_step ->> 'process_id')::uuid, 'assign') then
    perform core.refuse('process_not_permitted');
  end if;
  v_ids := array(select s.id from shop.job_steps s where s.business_id = p_business and s.job_id = p_job order by s.position);
  v_position := coalesce((p_step ->> 'position')::int, cardinality(v_ids) + 1);
  if v_position > cardinality(v_ids) + 1 then perform core.refuse('job_steps_position'); end if;
  perform shop.add_steps(j, jsonb_build_array(p_step - 'position' || jsonb_build_object('id', p_id, 'depends_on', '[]'::jsonb)));
  perform shop.place_steps(p_business, p_job, v_ids[:v_position - 1] || p_id || v_ids[v_position:]);
  select * into v from shop.job_steps s where s.business_id = p_business and s.id = p_id;
  perform shop.set_dependencies(v, case
    when jsonb_typeof(p_step -> 'depends_on') = 'array' then array(select jsonb_array_elements_text(p_step -> 'depends_on')::uuid)
    when v_position > 1 then v_ids[v_position - 1:v_position - 1] else '{}' end);
  perform shop.settle_job(p_business, p_job);
  return (select shop.step_body(s) from shop.job_steps s where s.business_id = p_business and s.id = p_id);
end $$;

-- Puts the steps of a job in another order: p_ids are all of them, each once. A new order is a new version of the job, at
-- which it was asked for. Null: no such job. Refusals: stale_version, illegal_transition (the job is over), job_steps_order.
create function shop.order_steps(p_business uuid, p_job uuid, p_version int, p_role core.member_role, p_ids uuid[])
returns json language plpgsql as $$
declare
  j shop.jobs := shop.lock_job(p_business, p_job, p_version);
  v_ids uuid[] := array(select s.id from shop.job_steps s where s.business_id = p_business and s.job_id = p_job
    order by s.position);
begin
  if j.id is null then return null; end if;
  perform shop.check_job_open(j);
  if cardinality(p_ids) <> cardinality(v_ids) or not v_ids <@ p_ids then perform core.refuse('job_steps_order'); end if;
  if v_ids is distinct from p_ids then
    perform shop.place_steps(p_business, p_job, p_ids);
    update shop.jobs x set steps_total = x.steps_total where x.business_id = p_business and x.id = p_job returning * into j;
  end if;
  return shop.job_body(j, p_role);
end $$;

-- Locks a step that a role asks to plan. Null: not there. Refusals: stale_version, process_not_permitted, illegal_transition
-- (the job is over, or the step is).
create function shop.lock_planned(p_business uuid, p_id uuid, p_version int, p_role core.member_role)
returns shop.job_steps language plpgsql as $$
declare
  s shop.job_steps := shop.lock_step(p_business, p_id, p_version);
begin
  if s.id is null then return null; end if;
  if not shop.may(p_business, p_role, s.process_id, 'assign') then perform core.refuse('process_not_permitted'); end if;
  perform shop.check_job_open(j) from shop.jobs j where j.business_id = p_business and j.id = s.job_id;
  if s.status in ('completed', 'skipped', 'cancelled') then perform shop.refuse_in_state(s); end if;
  return s;
end $$;

-- Changes the members of a step that the patch names: JSON Merge Patch (RFC 7396), null clears. depends_on: ids of the job's
-- steps; it and the process change only before the step was ever started. Null: not there. Refusals: of shop.lock_planned,
-- shop.check_step, shop.set_dependencies, and of the table.
create function shop.update_step(p_business uuid, p_id uuid, p_version int, p_role core.member_role, p_patch jsonb)
returns json language plpgsql as $$
declare
  s shop.job_steps := shop.lock_planned(p_business, p_id, p_version, p_role);
  v shop.job_steps;
begin
  if s.id is null then return null; end if;
  v := jsonb_populate_record(s, p_patch - 'depends_on');
  if v.process_id <> s.process_id and not shop.may(p_business, p_role, v.process_id, 'assign') then
    perform core.refuse('process_not_permitted');
  end if;
  if (p_patch ? 'depends_on' or v.process_id <> s.process_id)
    and (s.status not in ('pending', 'ready') or s.started_at is not null) then
    perform shop.refuse_in_state(s);
  end if;
  if v.process_id <> s.process_id then perform shop.check_step(v); end if;
  update shop.job_steps x set process_id = v.process_id, est_minutes = v.est_minutes, planned_start = v.planned_start,
    planned_end = v.planned_end, due_at = v.due_at, qty_target = v.qty_target, allowance_bps = v.allowance_bps,
    instructions = v.instructions
  where x.business_id = p_business and x.id = p_id;
  if p_patch ? 'depends_on' then
    perform shop.set_dependencies(s, array(select jsonb_array_elements_text(p_patch -> 'depends_on')::uuid));
    perform shop.settle_job(p_business, s.job_id);
  end if;
  return (select shop.step_body(x) from shop.job_steps x where x.business_id = p_business and x.id = p_id);
end $$;

-- Gives a step to a member and to a machine, as far as p_given names them (member_id, machine_id; null: to none), and tells the
-- member. Those of a running step stay, for time is being logged for them. Null: not there. Refusals: of shop.lock_planned,
-- shop.check_machine and shop.check_member.
create function shop.assign_step(p_business uuid, p_id uuid, p_version int, p_role core.member_role, p_given jsonb)
returns json language plpgsql as $$
declare
  s shop.job_steps := shop.lock_planned(p_business, p_id, p_version, p_role);
  v shop.job_steps;
begin
  if s.id is null then return null; end if;
  v := s;
  if p_given ? 'member_id' then v.assigned_to := (p_given ->> 'member_id')::uuid; end if;
  if p_given ? 'machine_id' then v.machine_id := (p_given ->> 'machine_id')::uuid; end if;
  if v is not distinct from s then return shop.step_body(s); end if;
  if s.status = 'in_progress' then perform shop.refuse_in_state(s); end if;
  if v.machine_id is distinct from s.machine_id then perform shop.check_machine(v); end if;
  if v.assigned_to is distinct from s.assigned_to then perform shop.check_member(v); end if;
  update shop.job_steps x set assigned_to = v.assigned_to, machine_id = v.machine_id
  where x.business_id = p_business and x.id = p_id returning * into v;
  if v.assigned_to is not null and v.assigned_to is distinct from s.assigned_to then
    perform shop.tell_of_step(p_business, p_id, 'shop.step_assigned', 'A step is yours');
  end if;
  return shop.step_body(v);
end $$;

-- Takes a step away that was never worked on; those that waited for it wait for what it waited for, and those behind it move
-- up. Returns its id; null: not there. Refusals: stale_version, process_not_permitted, illegal_transition (the job is over),
-- step_in_use (started, ended, or with time or quantities of its own).
create function shop.delete_step(p_business uuid, p_id uuid, p_version int, p_role core.member_role) returns uuid
language plpgsql as $$
declare
  s shop.job_steps := shop.lock_step(p_business, p_id, p_version);
begin
  if s.id is null then return null; end if;
  if not shop.may(p_business, p_role, s.process_id, 'assign') then perform core.refuse('process_not_permitted'); end if;
  perform shop.check_job_open(j) from shop.jobs j where j.business_id = p_business and j.id = s.job_id;
  if s.status not in ('pending', 'ready') or s.started_at is not null
    or exists (select from shop.time_logs l where l.business_id = p_business and l.step_id = p_id)
    or exists (select from shop.production_reports r where r.business_id = p_business and r.step_id = p_id) then
    perform core.refuse('step_in_use');
  end if;
  insert into shop.step_dependencies (business_id, step_id, depends_on)
  select p_business, w.step_id, d.depends_on
  from shop.step_dependencies w
  join shop.step_dependencies d on d.business_id = w.business_id and d.step_id = w.depends_on
  where w.business_id = p_business and w.depends_on = p_id
  on conflict on constraint step_dependencies_pk do nothing;
  delete from shop.job_steps x where x.business_id = p_business and x.id = p_id;
  perform shop.place_steps(p_business, s.job_id, array(select x.id from shop.job_steps x
    where x.business_id = p_business and x.job_id = s.job_id order by x.position));
  perform shop.settle_job(p_business, s.job_id);
  return p_id;
end $$;

-- A remark on a step, as answers show it.
create function shop.note_body(n shop.step_notes) returns json language sql stable parallel safe as $$
  select json_build_object('id', n.id, 'step_id', n.step_id, 'author_id', n.author_id, 'author_name', (
      select u.full_name from core.memberships m join core.users u on u.id = m.user_id
      where m.business_id = n.business_id and m.id = n.author_id),
    'note', n.note, 'created_at', core.iso(n.created_at)) $$;

-- Writes a remark on a step. Null: no such step. Refusal: process_not_permitted (the role may not view its process).
create function shop.add_note(p_business uuid, p_member uuid, p_role core.member_role, p_step uuid, p_id uuid, p_note text)
returns json language plpgsql as $$
declare
  v shop.step_notes;
  v_process uuid := (select s.process_id from shop.job_steps s where s.business_id = p_business and s.id = p_step);
begin
  if v_process is null then return null; end if;
  if not shop.may(p_business, p_role, v_process, 'view') then perform core.refuse('process_not_permitted'); end if;
  insert into shop.step_notes (business_id, id, step_id, author_id, note) values (p_business, p_id, p_step, p_member, p_note)
  returning * into v;
  return shop.note_body(v);
end $$;
