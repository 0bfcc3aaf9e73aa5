-- Jobs: made from steps or from a routing, changed and revised, moved as src/shop/job-moves.ts says, copied, deleted while they
-- are drafts, and told of when they become late.

-- A job that a statement has just written, as answers show it. Volatile, so that it sees the steps as they are by now; a
-- function that is stable sees them as they were before the statement.
create function shop.job_answer(j shop.jobs, p_role core.member_role) returns text language plpgsql volatile as $$
begin
  return shop.job_body(j, p_role)::text;
end $$;

------------------------------------------------------------------------------------------------------------- making
-- The steps of a routing as shop.add_steps takes them: counted from 1 without gaps, which its positions may have.
create function shop.steps_of_routing(p_business uuid, p_routing uuid) returns jsonb language sql stable parallel safe as $$
  with step as (
    select s.*, row_number() over (order by s.position) as place from shop.routing_steps s
    where s.business_id = p_business and s.routing_id = p_routing)
  select coalesce(jsonb_agg(jsonb_build_object('process_id', s.process_id, 'machine_id', s.machine_id,
    'est_minutes', s.est_minutes, 'instructions', s.instructions,
    'depends_on', (select coalesce(jsonb_agg(o.place), '[]') from step o where o.position = any (s.depends_on)))
    order by s.place), '[]')
  from step s $$;

-- The steps of a job as shop.add_steps takes them, for another one like it: nobody's yet, without days, without the machines
-- that could not do them today.
create function shop.steps_of_job(p_business uuid, p_job uuid) returns jsonb language sql stable parallel safe as $$
  with step as (
    select s.*, row_number() over (order by s.position) as place from shop.job_steps s
    where s.business_id = p_business and s.job_id = p_job)
  select coalesce(jsonb_agg(jsonb_build_object('process_id', s.process_id,
    'machine_id', (select m.id from shop.machines m
      join shop.machine_processes mp on mp.business_id = m.business_id and mp.machine_id = m.id and mp.process_id = s.process_id
      where m.business_id = s.business_id and m.id = s.machine_id and m.is_active),
    'est_minutes', s.est_minutes, 'qty_target', s.qty_target, 'allowance_bps', s.allowance_bps,
    'instructions', s.instructions,
    'depends_on', (select coalesce(jsonb_agg(o.place), '[]') from shop.step_dependencies d join step o on o.id = d.depends_on
      where d.business_id = s.business_id and d.step_id = s.id))
    order by s.place), '[]')
  from step s $$;

-- Refuses a customer who is not there or archived: jobs_customer_fk. Null: none.
create function shop.check_customer(p_business uuid, p_customer uuid) returns void language plpgsql stable as $$
begin
  if p_customer is not null and not exists (select from core.customers c
    where c.business_id = p_business and c.id = p_customer and c.is_active) then
    perform core.refuse('jobs_customer_fk');
  end if;
end $$;

-- Makes a draft. j: title, description, customer_id, priority, due_on, quantity, unit, price, currency; its number comes from
-- the counter in the statement that inserts it. p_steps: as shop.add_steps takes them, without ids.
-- Refusals: jobs_customer_fk, jobs_currency_fk, those of shop.add_steps.
create function shop.make_job(j shop.jobs, p_steps jsonb) returns shop.jobs language plpgsql as $$
declare
  v shop.jobs;
  v_steps jsonb := (select jsonb_agg(s.step || jsonb_build_object('id', core.new_id()) order by s.n)
    from jsonb_array_elements(p_steps) with ordinality s (step, n));
begin
  perform shop.check_customer(j.business_id, j.customer_id);
  insert into shop.jobs (business_id, id, job_number, customer_id, title, description, priority, due_on, quantity, unit,
    price, currency, steps_total)
  values (j.business_id, j.id, shop.next_job_number(j.business_id), j.customer_id, j.title, j.description,
    coalesce(j.priority, 'normal'), j.due_on, j.quantity, j.unit, j.price, j.currency, jsonb_array_length(p_steps))
  returning * into v;
  if v_steps is not null then
    j := v;
    j.steps_total := 0;                                  -- they are counted already
    perform shop.add_steps(j, v_steps);
  end if;
  return v;
end $$;

-- What a request says of a job, put into its row; what it does not name stays. Price and currency are one member there.
create function shop.with_fields(j shop.jobs, p_fields jsonb) returns shop.jobs language plpgsql stable as $$
begin
  j := jsonb_populate_record(j, p_fields - 'price');
  if p_fields ? 'price' then
    j.price := (p_fields #>> '{price,amount}')::bigint;
    j.currency := p_fields #>> '{price,currency}';
  end if;
  return j;
end $$;

-- Makes a draft of what a member of a role asks for. p_steps: null for those of the routing; null and null: none.
-- Refusals: jobs_routing (not there, archived), process_not_permitted (a step with a member or a machine, by a role that may
-- not assign), those of shop.make_job.
create function shop.create_job(p_business uuid, p_role core.member_role, p_id uuid, p_fields jsonb, p_steps jsonb,
  p_routing uuid) returns shop.jobs language plpgsql as $$
declare
  v shop.jobs;
begin
  if p_routing is not null and not exists (select from shop.routings r
    where r.business_id = p_business and r.id = p_routing and r.is_active) then
    perform core.refuse('jobs_routing');
  end if;
  if exists (select from jsonb_to_recordset(p_steps) s (process_id uuid, machine_id uuid, assigned_to uuid)
    where num_nonnulls(s.machine_id, s.assigned_to) > 0 and not shop.may(p_business, p_role, s.process_id, 'assign')) then
    perform core.refuse('process_not_permitted');
  end if;
  v := shop.with_fields(null::shop.jobs, p_fields);
  v.business_id := p_business; v.id := p_id;
  return shop.make_job(v, coalesce(p_steps, shop.steps_of_routing(p_business, p_routing)));
end $$;

-- Makes a draft like a job: its fields and its steps with what they wait for and their machines, no days, nothing done.
-- No row: there is no such job. Refusals: those of shop.make_job.
create function shop.duplicate_job(p_business uuid, p_id uuid, p_version int, p_new_id uuid) returns setof shop.jobs
language plpgsql as $$
declare
  j shop.jobs := shop.lock_job(p_business, p_id, p_version);
begin
  if j.id is null then return; end if;
  j.id := p_new_id; j.due_on := null;
  return next shop.make_job(j, shop.steps_of_job(p_business, p_id));
end $$;

----------------------------------------------------------------------------------------------------------- changing
-- What may be changed of a job, as answers and revisions show it.
create function shop.job_fields(j shop.jobs) returns jsonb language sql stable parallel safe as $$
  select jsonb_build_object('title', j.title, 'description', j.description, 'customer_id', j.customer_id,
    'priority', j.priority, 'due_on', j.due_on, 'quantity', trim_scale(j.quantity), 'unit', j.unit,
    'price', case when j.price is not null then jsonb_build_object('amount', j.price, 'currency', j.currency) end) $$;

-- Changes what p_fields names of a job, the locked j, under a number of its revisions. Steps that are not over and were to make
-- its old quantity make the new one. Refusals: jobs_customer_fk, jobs_currency_fk, over_production.
create function shop.change_job(j shop.jobs, p_fields jsonb, p_revision int) returns shop.jobs language plpgsql as $$
declare
  n shop.jobs := shop.with_fields(j, p_fields);
begin
  if n.customer_id is distinct from j.customer_id then perform shop.check_customer(j.business_id, n.customer_id); end if;
  update shop.jobs x set title = n.title, description = n.description, customer_id = n.customer_id, priority = n.priority,
    due_on = n.due_on, quantity = n.quantity, unit = n.unit, price = n.price, currency = n.currency, revision_no = p_revision
  where x.business_id = j.business_id and x.id = j.id returning * into n;
  if n.quantity is distinct from j.quantity then
    perform from shop.job_steps s where s.business_id = j.business_id and s.job_id = j.id order by s.id for no key update;
    update shop.job_steps s set qty_target = n.quantity
    where s.business_id = j.business_id and s.job_id = j.id and s.qty_target is not distinct from j.quantity
      and s.status not in ('completed', 'skipped', 'cancelled');
  end if;
  perform shop.tell_if_overdue(j, n);
  return n;
end $$;

-- Refuses a change of a job in another status than these: illegal_transition {from, to, allowed}.
create function shop.require_status(j shop.jobs, p_statuses shop.job_status[], p_moves jsonb) returns void
language plpgsql stable as $$
begin
  if j.status = any (p_statuses) then return; end if;
  perform core.refuse('illegal_transition', jsonb_build_object('from', j.status, 'to', j.status,
    'allowed', (select coalesce(jsonb_agg(distinct m -> 'to'), '[]') from jsonb_array_elements(p_moves) m
                where m ->> 'from' = j.status::text)));
end $$;

-- Changes a job that is not over. No row: there is none. Refusals: stale_version, illegal_transition, those of
-- shop.change_job.
create function shop.update_job(p_business uuid, p_id uuid, p_version int, p_moves jsonb, p_fields jsonb)
returns setof shop.jobs language plpgsql as $$
declare
  j shop.jobs := shop.lock_job(p_business, p_id, p_version);
begin
  if j.id is null then return; end if;
  perform shop.require_status(j, '{draft,active,in_progress,on_hold}', p_moves);
  return next shop.change_job(j, p_fields, j.revision_no);
end $$;

-- Changes a job that people work by, and keeps what was changed and why. No row: there is none.
-- Refusals: stale_version, illegal_transition, job_revisions_nothing (as it is already), those of shop.change_job.
create function shop.revise_job(p_business uuid, p_id uuid, p_version int, p_moves jsonb, p_fields jsonb, p_reason text)
returns setof shop.jobs language plpgsql as $$
declare
  j shop.jobs := shop.lock_job(p_business, p_id, p_version); n shop.jobs; v_changes jsonb;
begin
  if j.id is null then return; end if;
  perform shop.require_status(j, '{active,in_progress,on_hold}', p_moves);
  n := shop.change_job(j, p_fields, j.revision_no + 1);
  select jsonb_object_agg(f.key, jsonb_build_object('from', shop.job_fields(j) -> f.key, 'to', f.value)) into v_changes
  from jsonb_each(shop.job_fields(n)) f where f.value is distinct from shop.job_fields(j) -> f.key;
  if v_changes is null then perform core.refuse('job_revisions_nothing'); end if;
  insert into shop.job_revisions (business_id, job_id, revision_no, reason, changes)
  values (p_business, p_id, n.revision_no, p_reason, v_changes);
  return next n;
end $$;

-- Deletes a draft with its steps; its files go too. Null: there is none. Refusals: stale_version, jobs_in_use.
create function shop.delete_job(p_business uuid, p_id uuid, p_version int) returns uuid language plpgsql as $$
declare
  j shop.jobs := shop.lock_job(p_business, p_id, p_version);
begin
  if j.id is null then return null; end if;
  if j.status <> 'draft' then perform core.refuse('jobs_in_use'); end if;
  delete from shop.jobs x where x.business_id = p_business and x.id = p_id;
  update core.files f set deleted_at = now()
  where f.business_id = p_business and f.ref_type = 'shop.job' and f.ref_id = p_id and f.deleted_at is null;
  return p_id;
end $$;

------------------------------------------------------------------------------------------------------------- moving
-- Pauses the running steps of a job that is put on hold, cancels the open ones of one that is cancelled, ends their time logs,
-- and tells the operators of those that ran.
create function shop.stop_steps(p_business uuid, p_job uuid, p_to shop.job_status) returns void language plpgsql as $$
declare
  s shop.job_steps;
begin
  for s in
    select x.* from shop.job_steps x where x.business_id = p_business and x.job_id = p_job
      and (x.status = 'in_progress' or p_to = 'cancelled' and x.status in ('pending', 'ready', 'paused', 'blocked'))
    order by x.id for no key update
  loop
    update shop.job_steps x set status = case p_to when 'cancelled' then 'cancelled' else 'paused' end::shop.step_status,
      block_reason = null, status_before_block = null
    where x.business_id = p_business and x.id = s.id;
    perform shop.end_logs(p_business, s.id, clock_timestamp());
    if s.status = 'in_progress' then
      if p_to = 'cancelled' then
        perform shop.tell_of_step(p_business, s.id, 'shop.step_cancelled', 'A step you work on is cancelled');
      else
        perform shop.tell_of_step(p_business, s.id, 'shop.step_paused', 'A step you work on is paused: its job is on hold');
      end if;
    end if;
  end loop;
end $$;

-- Moves a job. No row: there is none. p_moves: src/shop/job-moves.ts as JSON. Refusals: stale_version, illegal_transition.
create function shop.move_job(p_business uuid, p_id uuid, p_version int, p_action text, p_moves jsonb, p_reason text)
returns setof shop.jobs language plpgsql as $$
declare
  j shop.jobs := shop.lock_job(p_business, p_id, p_version); n shop.jobs; v_to shop.job_status;
begin
  if j.id is null then return; end if;
  v_to := core.move_of(p_moves, p_action, j.status::text) ->> 'to';
  if p_action = 'resume' then v_to := j.status_before_hold; end if;
  if v_to in ('on_hold', 'cancelled') then perform shop.stop_steps(p_business, p_id, v_to); end if;
  update shop.jobs x set status = v_to, completed_at = null,
    hold_reason = case v_to when 'on_hold' then p_reason end,
    status_before_hold = case v_to when 'on_hold' then j.status end,
    cancel_reason = case v_to when 'cancelled' then p_reason end,
    reopen_reason = case p_action when 'reopen' then p_reason else x.reopen_reason end,
    is_reopened = x.is_reopened or p_action = 'reopen'
  where x.business_id = p_business and x.id = p_id returning * into n;
  n := shop.settle_job(p_business, p_id);
  if v_to = 'on_hold' then perform shop.tell_of_job(n, 'shop.job_on_hold', 'A job is on hold', p_reason); end if;
  perform shop.tell_if_overdue(j, n);
  return next n;
end $$;

--------------------------------------------------------------------------------------------------------------- late
-- How far the jobs that became late have been told of: up to this place in the order of jobs_due_ix. A row a business.
create table shop.overdue_watch (
  business_id uuid not null constraint overdue_watch_business_fk references core.businesses,
  due_on date not null, job_id uuid not null,
  constraint overdue_watch_pk primary key (business_id)
);

-- Behind every job of a day.
create function shop.last_id() returns uuid language sql immutable parallel safe
return 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;

create function shop.is_overdue(j shop.jobs) returns boolean language sql stable parallel safe
return j.status in ('active', 'in_progress', 'on_hold') and coalesce(j.due_on < core.business_today(j.business_id), false);

create function shop.tell_overdue(j shop.jobs) returns void language sql volatile
return shop.tell_of_job(j, 'shop.job_overdue', 'A job is overdue', 'due on ' || j.due_on);

-- Tells of a job that a write has made late on a day that was told of already: o as it was, n as it is.
create function shop.tell_if_overdue(o shop.jobs, n shop.jobs) returns void language plpgsql as $$
declare
  w shop.overdue_watch;
begin
  if not shop.is_overdue(n) then return; end if;
  -- shared: who tells next sees this write, or this write sees what was told
  select x.* into w from shop.overdue_watch x where x.business_id = n.business_id for share;
  if (n.due_on, n.id) <= (w.due_on, w.job_id) and not (shop.is_overdue(o) and (o.due_on, o.id) <= (w.due_on, w.job_id)) then
    perform shop.tell_overdue(n);
  end if;
end $$;

-- Tells staff and creators of jobs of one business that became late, p_limit at most, each once. Returns how many; null: no
-- business has a day to tell of. One that is new here begins with today.
create function shop.tell_overdue_jobs(p_limit int) returns int language plpgsql as $$
declare
  w shop.overdue_watch; v_today date; j shop.jobs; v_told int := 0;
begin
  insert into shop.overdue_watch (business_id, due_on, job_id)
  select b.id, core.business_today(b.id) - 1, shop.last_id() from core.businesses b
  where b.status = 'active' and 'shop' = any (b.modules)
    and not exists (select from shop.overdue_watch x where x.business_id = b.id)
  limit p_limit on conflict do nothing;
  select x.* into w from shop.overdue_watch x join core.businesses b on b.id = x.business_id
  where b.status = 'active' and (x.due_on, x.job_id) < (core.business_today(b.id) - 1, shop.last_id())
  limit 1 for no key update of x skip locked;
  if not found then return null; end if;
  v_today := core.business_today(w.business_id);
  for j in
    select x.* from shop.jobs x
    where x.business_id = w.business_id and x.status in ('active', 'in_progress', 'on_hold')
      and (coalesce(x.due_on, 'infinity'), x.id) > (w.due_on, w.job_id) and coalesce(x.due_on, 'infinity') < v_today
    order by coalesce(x.due_on, 'infinity'), x.id limit p_limit
  loop
    perform shop.tell_overdue(j);
    v_told := v_told + 1; w.due_on := j.due_on; w.job_id := j.id;
  end loop;
  if v_told < p_limit then w.due_on := v_today - 1; w.job_id := shop.last_id(); end if;
  update shop.overdue_watch x set due_on = w.due_on, job_id = w.job_id where x.business_id = w.business_id;
  return v_told;
end $$;
