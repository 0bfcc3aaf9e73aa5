-- Machines, what they can do and how they do; processes, and which role may do what with them; routings. Legal changes of a
-- machine's status are a table in src/shop/machine-moves.ts.
--
-- No log is longer than 24 hours (0040), so what touches a window began a day before it at the earliest.

-- A machine is down once at a time.
create unique index time_logs_downtime_uq on shop.time_logs (business_id, machine_id)
  where ended_at is null and step_id is null;

------------------------------------------------------------------------------------------------------------ processes
create function shop.process_body(p shop.processes) returns json language sql stable parallel safe as $$
  select json_build_object('id', p.id, 'code', p.code, 'name', p.name, 'group_name', p.group_name,
    'is_machine_based', p.is_machine_based, 'is_production', p.is_production, 'default_minutes', p.default_minutes,
    'sort', p.sort, 'is_active', p.is_active,
    'machines', (select count(*) from shop.machine_processes c
      join shop.machines m on m.business_id = c.business_id and m.id = c.machine_id and m.is_active
      where c.business_id = p.business_id and c.process_id = p.id),
    'created_at', core.iso(p.created_at), 'updated_at', core.iso(p.updated_at), 'version', p.version) $$;

-- Makes a process of its members as JSON, all of them.
create function shop.create_process(p_business uuid, p_id uuid, p_process jsonb, out version int, out body json)
language plpgsql as $$
declare
  v shop.processes := jsonb_populate_record(null::shop.processes, p_process);
begin
  insert into shop.processes (business_id, id, code, name, group_name, is_machine_based, is_production, default_minutes,
    sort, is_active)
  values (p_business, p_id, v.code, v.name, v.group_name, v.is_machine_based, v.is_production, v.default_minutes, v.sort,
    v.is_active)
  returning * into v;
  version := v.version; body := shop.process_body(v);
end $$;

-- Changes the members of a process that the patch names. Out: nulls: not there. Refusal: stale_version.
create function shop.update_process(p_business uuid, p_id uuid, p_version int, p_patch jsonb, out version int, out body json)
language plpgsql as $$
declare
  v shop.processes;
begin
  select * into v from shop.processes p where p.business_id = p_business and p.id = p_id for no key update;
  if not found then return; end if;
  if v.version <> p_version then perform core.refuse('stale_version'); end if;
  v := jsonb_populate_record(v, p_patch);
  update shop.processes p set code = v.code, name = v.name, group_name = v.group_name,
    is_machine_based = v.is_machine_based, is_production = v.is_production, default_minutes = v.default_minutes,
    sort = v.sort, is_active = v.is_active
  where p.business_id = p_business and p.id = p_id returning * into v;
  version := v.version; body := shop.process_body(v);
end $$;

------------------------------------------------------------------------------------------------------------- machines
-- A log of a machine that was down, as answers show it.
create function shop.downtime_body(l shop.time_logs) returns json language sql stable parallel safe as $$
  select json_build_object('id', l.id, 'machine_id', l.machine_id, 'kind', l.kind, 'reason', l.reason,
    'started_at', core.iso(l.started_at), 'ended_at', core.iso(l.ended_at)) $$;

-- A machine with what it can do, what it runs now, and whether it is down.
create function shop.machine_body(m shop.machines) returns json language sql stable parallel safe as $$
  select json_build_object('id', m.id, 'code', m.code, 'name', m.name, 'type', m.type, 'location', m.location,
    'status', m.status, 'capacity', m.capacity, 'running', running.n, 'busy', running.n > 0,
    'units_per_hour', trim_scale(m.units_per_hour),
    'rate_per_hour', case when m.rate_per_hour is not null then json_build_object('amount', m.rate_per_hour, 'currency',
      (select b.currency from core.businesses b where b.id = m.business_id)) end,
    'weekly_minutes', m.weekly_minutes, 'is_active', m.is_active,
    'processes', (select coalesce(json_agg(json_build_object('id', p.id, 'code', p.code, 'name', p.name)
        order by p.sort, p.code), '[]')
      from shop.machine_processes c join shop.processes p on p.business_id = c.business_id and p.id = c.process_id
      where c.business_id = m.business_id and c.machine_id = m.id),
    'running_steps', running.steps,
    'downtime', (select shop.downtime_body(l) from shop.time_logs l
      where l.business_id = m.business_id and l.machine_id = m.id and l.ended_at is null and l.step_id is null),
    'created_at', core.iso(m.created_at), 'updated_at', core.iso(m.updated_at), 'version', m.version)
  from (
    select count(*) as n, coalesce(json_agg(json_build_object('step_id', s.id, 'job_id', j.id, 'job_number', j.job_number,
      'title', j.title, 'assigned_to', s.assigned_to, 'started_at', core.iso(s.started_at))
      order by s.started_at, s.id), '[]') as steps
    from shop.job_steps s join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id
    where s.business_id = m.business_id and s.machine_id = m.id and s.status = 'in_progress') running $$;

-- Says what a machine can do. p_processes: ids as JSON; null: as before. Refusal: machine_processes_process_fk.
create function shop.set_machine_processes(p_business uuid, p_machine uuid, p_processes jsonb) returns void
language plpgsql as $$
declare
  v_ids uuid[] := array(select x::uuid from jsonb_array_elements_text(p_processes) x);
begin
  if p_processes is null then return; end if;
  delete from shop.machine_processes c
  where c.business_id = p_business and c.machine_id = p_machine and c.process_id <> all (v_ids);
  insert into shop.machine_processes (business_id, machine_id, process_id)
  select distinct p_business, p_machine, x from unnest(v_ids) x on conflict do nothing;
end $$;

-- Makes a machine of its members as JSON, all of them, and process_ids; rate_per_hour in minor units.
create function shop.create_machine(p_business uuid, p_id uuid, p_machine jsonb, out version int, out body json)
language plpgsql as $$
declare
  v shop.machines := jsonb_populate_record(null::shop.machines, p_machine);
begin
  insert into shop.machines (business_id, id, code, name, type, location, status, capacity, units_per_hour, rate_per_hour,
    weekly_minutes, is_active)
  values (p_business, p_id, v.code, v.name, v.type, v.location, v.status, v.capacity, v.units_per_hour, v.rate_per_hour,
    v.weekly_minutes, v.is_active)
  returning * into v;
  perform shop.set_machine_processes(p_business, p_id, p_machine -> 'process_ids');
  version := v.version; body := shop.machine_body(v);
end $$;

-- Changes the members of a machine that the patch names. p_moves: legal changes of its status: [{"from", "to"}]. Out: nulls:
-- not there. Refusals: stale_version, illegal_transition {from, to, allowed}.
create function shop.update_machine(p_business uuid, p_id uuid, p_version int, p_patch jsonb, p_moves jsonb,
  out version int, out body json) language plpgsql as $$
declare
  v shop.machines; v_from shop.machine_status;
begin
  select * into v from shop.machines m where m.business_id = p_business and m.id = p_id for no key update;
  if not found then return; end if;
  if v.version <> p_version then perform core.refuse('stale_version'); end if;
  v_from := v.status;
  v := jsonb_populate_record(v, p_patch);
  if v.status <> v_from and not p_moves @> jsonb_build_array(jsonb_build_object('from', v_from, 'to', v.status)) then
    perform core.refuse('illegal_transition', jsonb_build_object('from', v_from, 'to', v.status, 'allowed',
      jsonb_path_query_array(p_moves, '$[*] ? (@.from == $from).to', jsonb_build_object('from', v_from))));
  end if;
  update shop.machines m set code = v.code, name = v.name, type = v.type, location = v.location, status = v.status,
    capacity = v.capacity, units_per_hour = v.units_per_hour, rate_per_hour = v.rate_per_hour,
    weekly_minutes = v.weekly_minutes, is_active = v.is_active
  where m.business_id = p_business and m.id = p_id returning * into v;
  perform shop.set_machine_processes(p_business, p_id, p_patch -> 'process_ids');
  version := v.version; body := shop.machine_body(v);
end $$;

------------------------------------------------------------------------------------------------------------- downtime
-- A machine is down from now on. Null: not there. Refusals: machine_unavailable (archived), time_logs_downtime_uq (down
-- already).
create function shop.begin_downtime(p_business uuid, p_machine uuid, p_id uuid, p_kind shop.time_kind, p_reason text)
returns json language plpgsql as $$
declare
  m shop.machines; l shop.time_logs;
begin
  select * into m from shop.machines x where x.business_id = p_business and x.id = p_machine for no key update;
  if not found then return null; end if;
  if not m.is_active then perform core.refuse('machine_unavailable'); end if;
  insert into shop.time_logs (business_id, id, machine_id, kind, reason, started_at)
  values (p_business, p_id, p_machine, p_kind, p_reason, clock_timestamp()) returning * into l;
  return shop.downtime_body(l);
end $$;

-- A machine is no longer down. Null: not there. Refusal: illegal_transition (it has ended).
create function shop.end_downtime(p_business uuid, p_machine uuid, p_id uuid) returns json
language plpgsql as $$
declare
  l shop.time_logs;
begin
  perform from shop.machines x where x.business_id = p_business and x.id = p_machine for no key update;
  select * into l from shop.time_logs x
  where x.business_id = p_business and x.id = p_id and x.machine_id = p_machine and x.step_id is null for no key update;
  if not found then return null; end if;
  if l.ended_at is not null then
    perform core.refuse('illegal_transition', '{"from": "ended", "to": "ended", "allowed": []}');
  end if;
  update shop.time_logs x set ended_at = greatest(clock_timestamp(), l.started_at + interval '1 microsecond')
  where x.business_id = p_business and x.id = p_id returning * into l;
  return shop.downtime_body(l);
end $$;

-------------------------------------------------------------------------------------------------------------- figures
-- Minutes of a machine in [p_from, p_to), of what runs up to now: run (set up or produced), and lost by each kind of loss.
create function shop.machine_time(p_business uuid, p_machine uuid, p_from timestamptz, p_to timestamptz)
returns table (run numeric, performance_loss numeric, quality_loss numeric, availability_loss numeric)
language sql stable parallel safe rows 1 as $$
  select coalesce(sum(t.minutes) filter (where t.kind in ('setup', 'productive')), 0),
    coalesce(sum(t.minutes) filter (where t.kind = 'performance_loss'), 0),
    coalesce(sum(t.minutes) filter (where t.kind = 'quality_loss'), 0),
    coalesce(sum(t.minutes) filter (where t.kind = 'availability_loss'), 0)
  from (
    select l.kind, extract(epoch from least(coalesce(l.ended_at, now()), p_to, now()) - greatest(l.started_at, p_from)) / 60
      as minutes
    from shop.time_logs l
    where l.business_id = p_business and l.machine_id = p_machine
      -- a log that is too long has ended, but for the time its background job may be late
      and l.started_at >= p_from - interval '48 hours' and l.started_at < least(p_to, now())
      and coalesce(l.ended_at, now()) > p_from) t $$;

-- What waits for a machine: steps of jobs that go on, and their estimated minutes. Blocked ones wait for something else.
create function shop.machine_queue(p_business uuid, p_machine uuid)
returns table (running bigint, ready bigint, pending bigint, late bigint, minutes bigint)
language sql stable parallel safe rows 1 as $$
  select count(*) filter (where s.status = 'in_progress'), count(*) filter (where s.status in ('ready', 'paused')),
    count(*) filter (where s.status = 'pending'), count(*) filter (where s.due_at < now()), coalesce(sum(s.est_minutes), 0)
  from shop.job_steps s
  where s.business_id = p_business and s.machine_id = p_machine
    and s.status in ('pending', 'ready', 'in_progress', 'paused')
    and (select j.status from shop.jobs j where j.business_id = s.business_id and j.id = s.job_id)
      in ('active', 'in_progress') $$;

---------------------------------------------------------------------------------------------------------- permissions
-- What roles may do with processes, and a number that is another one when any of it is.
create function shop.permissions_of(p_business uuid, out version int, out body json) language sql stable as $$
  select v.version, json_build_object('items', v.items, 'version', v.version)
  from (
    select coalesce(('x' || left(md5(string_agg(concat_ws(' ', r.process_id, r.role, r.can_view, r.can_work, r.can_assign), ','
        order by r.process_id, r.role)), 7))::bit(28)::int, 0) as version,
      coalesce(json_agg(json_build_object('role', r.role, 'process_id', r.process_id, 'can_view', r.can_view,
        'can_work', r.can_work, 'can_assign', r.can_assign) order by r.process_id, r.role), '[]') as items
    from shop.role_process_permissions r where r.business_id = p_business) v $$;

-- Replaces all of them; p_items as in the answer. Refusals: stale_version, role_process_permissions_twice,
-- role_process_permissions_process_fk.
create function shop.put_permissions(p_business uuid, p_version int, p_items jsonb, out version int, out body json)
language plpgsql as $$
begin
  -- Whoever replaces them at the same time waits, and then finds another version.
  perform pg_advisory_xact_lock(hashtextextended('shop.permissions/' || p_business, 0));
  if p_version <> (select p.version from shop.permissions_of(p_business) p) then perform core.refuse('stale_version'); end if;
  if exists (select from jsonb_to_recordset(p_items) i (role text, process_id uuid)
    group by i.role, i.process_id having count(*) > 1) then
    perform core.refuse('role_process_permissions_twice');
  end if;
  delete from shop.role_process_permissions r
  where r.business_id = p_business and not exists (
    select from jsonb_to_recordset(p_items) i (role core.member_role, process_id uuid)
    where i.role = r.role and i.process_id = r.process_id);
  insert into shop.role_process_permissions as r (business_id, process_id, role, can_view, can_work, can_assign)
  select p_business, i.process_id, i.role, i.can_view, i.can_work, i.can_assign
  from jsonb_to_recordset(p_items)
    i (role core.member_role, process_id uuid, can_view boolean, can_work boolean, can_assign boolean)
  on conflict on constraint role_process_permissions_uq do update
    set can_view = excluded.can_view, can_work = excluded.can_work, can_assign = excluded.can_assign
    where (r.can_view, r.can_work, r.can_assign) <> (excluded.can_view, excluded.can_work, excluded.can_assign);
  select p.version, p.body into version, body from shop.permissions_of(p_business) p;
end $$;

------------------------------------------------------------------------------------------------------------- routings
create function shop.routing_body(r shop.routings) returns json language sql stable parallel safe as $$
  select json_build_object('id', r.id, 'name', r.name, 'is_active', r.is_active,
    'steps', (select coalesce(json_agg(json_build_object('position', s.position,
        'process', json_build_object('id', p.id, 'code', p.code, 'name', p.name),
        'machine', case when m.id is not null then json_build_object('id', m.id, 'code', m.code, 'name', m.name) end,
        'est_minutes', s.est_minutes, 'depends_on', s.depends_on, 'instructions', s.instructions) order by s.position), '[]')
      from shop.routing_steps s
      join shop.processes p on p.business_id = s.business_id and p.id = s.process_id
      left join shop.machines m on m.business_id = s.business_id and m.id = s.machine_id
      where s.business_id = r.business_id and s.routing_id = r.id),
    'created_at', core.iso(r.created_at), 'updated_at', core.iso(r.updated_at), 'version', r.version) $$;

-- Replaces the steps of a routing. p_steps: [{process_id, machine_id, est_minutes, depends_on: [position], instructions}];
-- depends_on left out or null: the step before it. Refusals: of shop.check_step, routing_steps_depends_ck.
create function shop.set_routing_steps(p_business uuid, p_routing uuid, p_steps jsonb) returns void language plpgsql as $$
declare
  v shop.routing_steps;
begin
  if p_steps is null then return; end if;
  delete from shop.routing_steps x where x.business_id = p_business and x.routing_id = p_routing;
  for v in
    select p_business, p_routing, e.n, (e.step ->> 'process_id')::uuid, (e.step ->> 'machine_id')::uuid,
      (e.step ->> 'est_minutes')::int,
      case when jsonb_typeof(e.step -> 'depends_on') = 'array'
        then array(select distinct d::smallint from jsonb_array_elements_text(e.step -> 'depends_on') d order by 1)
        when e.n > 1 then array[e.n - 1]::smallint[] else '{}' end, e.step ->> 'instructions'
    from jsonb_array_elements(p_steps) with ordinality e (step, n) order by e.n
  loop
    perform shop.check_step(jsonb_populate_record(null::shop.job_steps, to_jsonb(v) - 'depends_on' - 'routing_id'));
    insert into shop.routing_steps select v.*;
  end loop;
end $$;

-- Makes a routing: {name, is_active, steps}.
create function shop.create_routing(p_business uuid, p_id uuid, p_routing jsonb, out version int, out body json)
language plpgsql as $$
declare
  v shop.routings;
begin
  insert into shop.routings (business_id, id, name, is_active)
  values (p_business, p_id, p_routing ->> 'name', (p_routing ->> 'is_active')::boolean) returning * into v;
  perform shop.set_routing_steps(p_business, p_id, p_routing -> 'steps');
  version := v.version; body := shop.routing_body(v);
end $$;

-- Changes the members of a routing that the patch names; steps are replaced. Out: nulls: not there. Refusal: stale_version.
create function shop.update_routing(p_business uuid, p_id uuid, p_version int, p_patch jsonb, out version int, out body json)
language plpgsql as $$
declare
  v shop.routings;
begin
  select * into v from shop.routings r where r.business_id = p_business and r.id = p_id for no key update;
  if not found then return; end if;
  if v.version <> p_version then perform core.refuse('stale_version'); end if;
  v := jsonb_populate_record(v, p_patch - 'steps');
  update shop.routings r set name = v.name, is_active = v.is_active
  where r.business_id = p_business and r.id = p_id returning * into v;
  perform shop.set_routing_steps(p_business, p_id, p_patch -> 'steps');
  version := v.version; body := shop.routing_body(v);
end $$;
