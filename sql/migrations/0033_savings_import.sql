-- Savings accounts from a file: all of them, or none and a list of what is wrong with which line.

-- What one line asks for, with what its words mean here. Null where the business has no such thing, or more than one.
create type savings.import_row as (
  line int, id uuid, customer_id uuid, is_archived boolean, product savings.products, agent_id uuid, unit_id uuid,
  marking_amount bigint, cycles int, starts_on date, tracking_number text,
  -- what was named at all, and by which column
  customer_column text, has_agent boolean, has_unit boolean);

-- p_rows: line, id, customer_code, customer_phone, product (name), marking_amount, cycles, starts_on, agent (username), unit
-- (name), tracking_number. Without an agent it is whoever looked after the customer last.
create function savings.read_import(p_business uuid, p_rows jsonb) returns savings.import_row[] language plpgsql stable as $$
begin return (
  select array_agg(row(g.line, g.id, c.id, not c.is_active, p, case when g.agent is null
      then savings.find_agent(p_business, (
        select a.agent_id from savings.accounts a where a.business_id = p_business and a.customer_id = c.id
        order by a.created_at desc, a.id desc limit 1), coalesce(u.id, c.unit_id)) else m.id end,
    coalesce(u.id, c.unit_id), g.marking_amount, g.cycles, g.starts_on, g.tracking_number,
    case when g.customer_code is not null then 'customer_code' else 'customer_phone' end, g.agent is not null,
    g.unit is not null)::savings.import_row order by g.line)
  from jsonb_to_recordset(p_rows) g (line int, id uuid, customer_code text, customer_phone text, product text,
    marking_amount bigint, cycles int, starts_on date, agent text, unit text, tracking_number text)
  left join lateral (
    -- a phone number may be that of a family
    select (array_agg(c))[1] as c, count(*) as found from core.customers c
    where c.business_id = p_business
      and case when g.customer_code is not null then c.code = g.customer_code else c.phone = g.customer_phone end) k
    on k.found = 1
  left join lateral (select (k.c).*) c on true
  left join savings.products p on p.business_id = p_business and p.name = g.product
  left join core.units u on u.business_id = p_business and u.name = g.unit
  left join lateral (
    select m.id from core.memberships m join core.users o on o.id = m.user_id
    where m.business_id = p_business and o.username = g.agent and savings.may_collect(m)) m on true
); end $$;

create function savings.import_faults(p_business uuid, p_rows savings.import_row[])
returns table (line int, member text, detail text) language sql stable as $$
  with given as materialized (
    select r.*, savings.plan_of(r.product, r.marking_amount, r.cycles, r.starts_on) as plan,
      count(*) over (partition by r.customer_id, (r.product).id) as same
    from unnest(p_rows) r),
  found as (
    select g.line, x.member, x.detail
    from given g
    cross join core.business_today(p_business) today
    cross join lateral (values
      (g.customer_column, 'no customer of the business, or more than one, has this', g.customer_id is null),
      (g.customer_column, 'the customer is archived', g.is_archived),
      ('product', 'the business offers no product of this name', not coalesce((g.product).is_active, false)),
      ('agent', 'nobody of this username collects', g.has_agent and g.agent_id is null),
      ('unit', 'the business has no unit of this name', g.has_unit and g.unit_id is null),
      ('starts_on', 'lies more than a year away', abs(g.starts_on - today) > 366),
      ('cycles', 'are more than 3,660 markings', (g.plan).markings_total > 3660),
      ('marking_amount', 'is outside the range of the product', (g.product).id is not null and (
        g.marking_amount not between (g.product).min_marking_amount
          and coalesce((g.product).max_marking_amount, 9007199254740991)
        or g.marking_amount::numeric * (g.plan).markings_total > 9007199254740991)),
      ('product', 'the customer has an active account of this product', (g.same > 1 and g.customer_id is not null) or exists (
        select from savings.accounts a where a.business_id = p_business and a.customer_id = g.customer_id
          and a.product_id = (g.product).id and a.status = 'active')),
      ('tracking_number', 'another account has this number', exists (
        select from savings.accounts a where a.business_id = p_business and a.tracking_number = g.tracking_number)))
      x (member, detail, is_wrong)
    where x.is_wrong)
  select f.line, f.member, f.detail from found f
$$;

-- The report of core/csv-import.ts; opens the accounts where nothing is wrong and p_dry_run is false.
create function savings.import_accounts(p_business uuid, p_rows jsonb, p_dry_run boolean, out status int, out body text)
language plpgsql as $$
declare
  v_rows savings.import_row[] := savings.read_import(p_business, p_rows); v_errors jsonb; v_row savings.import_row;
  v_count int := coalesce(cardinality(v_rows), 0); v_wrong int; v_created int := 0;
begin
  select coalesce(jsonb_agg(jsonb_build_object('line', f.line, 'column', f.member, 'detail', f.detail)
    order by f.line, f.member), '[]'), count(distinct f.line) into v_errors, v_wrong
  from savings.import_faults(p_business, v_rows) f;
  if v_wrong = 0 and not p_dry_run then
    -- in the order in which every opening takes its locks
    for v_row in select * from unnest(v_rows) r order by r.customer_id, r.line loop
      perform savings.open_account(p_business, v_row.id, (v_row.product).id, v_row.customer_id, v_row.agent_id,
        v_row.marking_amount, v_row.cycles, v_row.starts_on, v_row.unit_id, v_row.tracking_number);
      v_created := v_created + 1;
    end loop;
  end if;
  status := case when v_wrong > 0 then 422 when p_dry_run then 200 else 201 end;
  body := json_build_object('dry_run', p_dry_run, 'rows', v_count, 'valid', v_count - v_wrong, 'created', v_created,
    'error_count', jsonb_array_length(v_errors), 'errors', v_errors)::text;
end $$;
