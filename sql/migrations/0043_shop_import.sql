-- Jobs from a file: all of them as drafts, or none and a list of what is wrong with which line.

-- What one line asks for, with what its words mean here. Null where the business has no such thing, or more than one.
create type shop.import_row as (
  line int, id uuid, title text, description text, priority shop.job_priority, due_on date, quantity numeric, unit text,
  price bigint, customer_id uuid, is_archived boolean, routing_id uuid,
  -- what was named at all, and by which column
  customer_column text, has_routing boolean);

-- p_rows: line, id, title, description, priority, due_on, quantity, unit, price, customer_code, customer_phone, routing (name).
create function shop.read_import(p_business uuid, p_rows jsonb) returns shop.import_row[] language plpgsql stable as $$
begin return (
  select array_agg(row(g.line, g.id, g.title, g.description, coalesce(g.priority, 'normal'), g.due_on, g.quantity, g.unit,
    g.price, c.id, not c.is_active, r.id,
    case when g.customer_code is not null then 'customer_code' when g.customer_phone is not null then 'customer_phone' end,
    g.routing is not null)::shop.import_row order by g.line)
  from jsonb_to_recordset(p_rows) g (line int, id uuid, title text, description text, priority shop.job_priority, due_on date,
    quantity numeric, unit text, price bigint, customer_code text, customer_phone text, routing text)
  left join lateral (
    -- a phone number may be that of a family
    select (array_agg(c))[1] as c, count(*) as found from core.customers c
    where c.business_id = p_business
      and case when g.customer_code is not null then c.code = g.customer_code else c.phone = g.customer_phone end) k
    on k.found = 1
  left join lateral (select (k.c).*) c on true
  left join shop.routings r on r.business_id = p_business and r.name = g.routing and r.is_active
); end $$;

create function shop.import_faults(p_business uuid, p_rows shop.import_row[])
returns table (line int, member text, detail text) language sql stable as $$
  -- each routing is looked at once, however many lines name it
  with stale as materialized (
    select distinct s.routing_id
    from shop.routing_steps s
    join shop.processes p on p.business_id = s.business_id and p.id = s.process_id
    left join shop.machines m on m.business_id = s.business_id and m.id = s.machine_id
    where s.business_id = p_business and s.routing_id in (select r.routing_id from unnest(p_rows) r)
      and (not p.is_active or not m.is_active or (m.id is not null and not exists (
        select from shop.machine_processes mp
        where mp.business_id = s.business_id and mp.machine_id = m.id and mp.process_id = p.id)))),
  counted as (
    select r.*, n.steps, sum(n.steps) over (order by r.line) as steps_so_far
    from unnest(p_rows) r
    left join (select s.routing_id, count(*) as steps from shop.routing_steps s where s.business_id = p_business
               group by s.routing_id) n on n.routing_id = r.routing_id),
  found as (
    select r.line, x.member, x.detail
    from counted r
    cross join lateral (values
      (r.customer_column, 'no customer of the business, or more than one, has this',
        r.customer_column is not null and r.customer_id is null),
      (r.customer_column, 'the customer is archived', r.is_archived),
      ('routing', 'the business has no routing of this name', r.has_routing and r.routing_id is null),
      ('routing', 'a process or a machine of the routing is archived, or they do not go together',
        r.routing_id in (select stale.routing_id from stale)),
      ('routing', 'has more than 200 steps', r.steps > 200),
      ('routing', 'with this line the file has more than 20,000 steps', r.steps is not null and r.steps_so_far > 20000))
      x (member, detail, is_wrong)
    where x.is_wrong)
  select f.line, f.member, f.detail from found f
$$;

-- Makes the drafts, numbered in the order of their lines. Where a job has a routing its steps are counted at once.
create function shop.import_drafts(p_business uuid, p_rows shop.import_row[]) returns void language plpgsql as $$
declare
  v_currency char(3) := (select b.currency from core.businesses b where b.id = p_business);
  v_row shop.import_row;
begin
  for v_row in select * from unnest(p_rows) r order by r.line loop
    insert into shop.jobs (business_id, id, job_number, customer_id, title, description, priority, due_on, quantity, unit,
      price, currency, steps_total)
    values (p_business, v_row.id, shop.next_job_number(p_business), v_row.customer_id, v_row.title, v_row.description,
      v_row.priority, v_row.due_on, v_row.quantity, v_row.unit, v_row.price,
      case when v_row.price is not null then v_currency end,
      (select count(*) from shop.routing_steps s where s.business_id = p_business and s.routing_id = v_row.routing_id));
  end loop;
end $$;

-- Gives drafts the steps of their routings, as shop.add_steps does, all of them at once: one by one, thousands of steps are
-- longer than a write may take. What it checks of each step has been checked of each routing.
create function shop.import_steps(p_business uuid, p_rows shop.import_row[]) returns void language plpgsql as $$
declare
  v_allowance int := coalesce((core.setting(p_business, 'shop.over_production_bps') #>> '{}')::int, 0);
begin
  with planned as materialized (
    select core.new_id() as id, r.id as job_id, r.quantity, s.position as place, s.depends_on, s.process_id, s.machine_id,
      s.instructions, coalesce(s.est_minutes, p.default_minutes) as est_minutes,
      -- steps are counted from 1 without gaps, positions of a routing may have some
      row_number() over (partition by r.id order by s.position) as position
    from unnest(p_rows) r
    join shop.routing_steps s on s.business_id = p_business and s.routing_id = r.routing_id
    join shop.processes p on p.business_id = s.business_id and p.id = s.process_id
    order by r.line, s.position),
  made as (
    insert into shop.job_steps (business_id, id, job_id, process_id, position, machine_id, est_minutes, qty_target,
      allowance_bps, instructions)
    select p_business, n.id, n.job_id, n.process_id, n.position, n.machine_id, n.est_minutes, n.quantity, v_allowance,
      n.instructions
    from planned n)
  insert into shop.step_dependencies (business_id, step_id, depends_on)
  select p_business, n.id, needed.id
  from planned n join planned needed on needed.job_id = n.job_id and needed.place = any (n.depends_on);
end $$;

-- The report of core/csv-import.ts; makes the jobs where nothing is wrong and p_dry_run is false, numbered in the order of
-- their lines.
create function shop.import_jobs(p_business uuid, p_rows jsonb, p_dry_run boolean, out status int, out body text)
language plpgsql as $$
declare
  v_rows shop.import_row[] := shop.read_import(p_business, p_rows); v_errors jsonb;
  v_count int := coalesce(cardinality(v_rows), 0); v_wrong int; v_created int := 0;
begin
  select coalesce(jsonb_agg(jsonb_build_object('line', f.line, 'column', f.member, 'detail', f.detail)
    order by f.line, f.member), '[]'), count(distinct f.line) into v_errors, v_wrong
  from shop.import_faults(p_business, v_rows) f;
  if v_wrong = 0 and not p_dry_run then
    perform shop.import_drafts(p_business, v_rows);
    perform shop.import_steps(p_business, v_rows);
    v_created := v_count;
  end if;
  status := case when v_wrong > 0 then 422 when p_dry_run then 200 else 201 end;
  body := json_build_object('dry_run', p_dry_run, 'rows', v_count, 'valid', v_count - v_wrong, 'created', v_created,
    'error_count', jsonb_array_length(v_errors), 'errors', v_errors)::text;
end $$;
