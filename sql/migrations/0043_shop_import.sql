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
  found as (
    select r.line, x.member, x.detail
    from unnest(p_rows) r
    cross join lateral (values
      (r.customer_column, 'no customer of the business, or more than one, has this',
        r.customer_column is not null and r.customer_id is null),
      (r.customer_column, 'the customer is archived', r.is_archived),
      ('routing', 'the business has no routing of this name', r.has_routing and r.routing_id is null),
      ('routing', 'a process or a machine of the routing is archived, or they do not go together',
        r.routing_id in (select stale.routing_id from stale)))
      x (member, detail, is_wrong)
    where x.is_wrong)
  select f.line, f.member, f.detail from found f
$$;

-- Makes the draft of one line, with the steps of its routing.
create function shop.import_job(p_business uuid, p shop.import_row) returns void language plpgsql as $$
declare
  v_steps jsonb; v shop.jobs;
begin
  select coalesce(jsonb_agg(jsonb_build_object('id', uuidv7(), 'process_id', s.process_id, 'machine_id', s.machine_id,
    'est_minutes', s.est_minutes, 'instructions', s.instructions,
    -- steps are counted from 1 without gaps, positions of a routing may have some
    'depends_on', (select coalesce(jsonb_agg(n.place), '[]') from (
      select o.position, row_number() over (order by o.position) as place from shop.routing_steps o
      where o.business_id = s.business_id and o.routing_id = s.routing_id) n where n.position = any (s.depends_on)))
    order by s.position), '[]') into v_steps
  from shop.routing_steps s where s.business_id = p_business and s.routing_id = p.routing_id;
  insert into shop.jobs (business_id, id, job_number, customer_id, title, description, priority, due_on, quantity, unit, price,
    currency, steps_total)
  values (p_business, p.id, shop.next_job_number(p_business), p.customer_id, p.title, p.description, p.priority, p.due_on,
    p.quantity, p.unit, p.price, case when p.price is not null then (
      select b.currency from core.businesses b where b.id = p_business) end, jsonb_array_length(v_steps))
  returning * into v;
  if v.steps_total > 0 then
    -- they are counted already
    v.steps_total := 0;
    perform shop.add_steps(v, v_steps);
  end if;
end $$;

-- The report of core/csv-import.ts; makes the jobs where nothing is wrong and p_dry_run is false, numbered in the order of
-- their lines.
create function shop.import_jobs(p_business uuid, p_rows jsonb, p_dry_run boolean, out status int, out body text)
language plpgsql as $$
declare
  v_rows shop.import_row[] := shop.read_import(p_business, p_rows); v_errors jsonb; v_row shop.import_row;
  v_count int := coalesce(cardinality(v_rows), 0); v_wrong int; v_created int := 0;
begin
  select coalesce(jsonb_agg(jsonb_build_object('line', f.line, 'column', f.member, 'detail', f.detail)
    order by f.line, f.member), '[]'), count(distinct f.line) into v_errors, v_wrong
  from shop.import_faults(p_business, v_rows) f;
  if v_wrong = 0 and not p_dry_run then
    for v_row in select * from unnest(v_rows) r order by r.line loop
      perform shop.import_job(p_business, v_row);
      v_created := v_created + 1;
    end loop;
  end if;
  status := case when v_wrong > 0 then 422 when p_dry_run then 200 else 201 end;
  body := json_build_object('dry_run', p_dry_run, 'rows', v_count, 'valid', v_count - v_wrong, 'created', v_created,
    'error_count', jsonb_array_length(v_errors), 'errors', v_errors)::text;
end $$;
