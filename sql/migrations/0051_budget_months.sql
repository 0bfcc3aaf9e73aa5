-- Months of a budget, computed when they are read: what carries over, what is to budget, what is held for later; and the ways
-- to plan one.

------------------------------------------------------------------------------------------------------------- carrying over
-- The balance of a category from month to month, as an aggregate over its months in their order: each adds its plan and its
-- activity to what is carried in. carry_floor: a debt that leaves nothing of the month's plan is dropped. PL/pgSQL, because the
-- function of an aggregate is not inlined, and this way it costs the least.
create function budget.next_balance(p_balance bigint, p_planned bigint, p_activity bigint, p_rollover budget.rollover)
returns bigint language plpgsql immutable parallel safe as $$
begin
  return p_planned + p_activity + case p_rollover
    when 'carry_all' then p_balance
    when 'carry_surplus' then greatest(p_balance, 0)
    when 'carry_floor' then case when p_planned + p_balance > 0 then p_balance else 0 end
    else 0 end;
end $$;
create aggregate budget.balance(planned bigint, activity bigint, rollover budget.rollover)
  (sfunc = budget.next_balance, stype = bigint, initcond = '0', parallel = safe);

-- The categories of a budget that count: in tracking mode hidden ones do not. Nothing carries over there.
create function budget.counted_categories(p_business uuid, p_budget uuid) returns table (id uuid, group_id uuid, name text,
  rollover budget.rollover, carries budget.rollover, hidden boolean, is_income boolean, sort int)
language sql stable parallel safe as $$
  select c.id, c.group_id, c.name, c.rollover, case b.mode when 'tracking' then 'reset' else c.rollover end,
    c.hidden or g.hidden, g.is_income, c.sort
  from budget.budgets b
  join budget.categories c on c.business_id = b.business_id and c.budget_id = b.id
  join budget.category_groups g on g.business_id = c.business_id and g.id = c.group_id
  where b.business_id = p_business and b.id = p_budget and (b.mode = 'envelope' or not (c.hidden or g.hidden)) $$;

-- Every month of every category that can be planned, from the first one with anything in it up to p_to. `released`: what of the
-- last balance was not carried in; below 0 where an overspent category was let off.
create function budget.category_rows(p_business uuid, p_budget uuid, p_from date, p_to date) returns table (category_id uuid,
  month date, planned bigint, note text, activity bigint, carry_in bigint, balance bigint, released bigint)
language sql stable parallel safe as $$
  with span as (
    select s.month::date as month
    from generate_series(greatest(
        (select b.first_month from budget.budgets b where b.business_id = p_business and b.id = p_budget),
        least((p_from - interval '1 month')::date,
          (select min(a.month) from budget.allocations a where a.business_id = p_business and a.budget_id = p_budget),
          (select min(m.month) from budget.category_months m where m.business_id = p_business and m.budget_id = p_budget)))
      ::timestamp, p_to::timestamp, interval '1 month') s (month)),
  row as (
    select c.id, s.month, c.carries, coalesce(a.planned, 0) as planned, a.note, coalesce(m.activity, 0) as activity
    from budget.counted_categories(p_business, p_budget) c
    cross join span s
    left join budget.allocations a on a.business_id = p_business and a.budget_id = p_budget and a.category_id = c.id
      and a.month = s.month
    left join budget.category_months m on m.business_id = p_business and m.budget_id = p_budget and m.category_id = c.id
      and m.month = s.month
    where not c.is_income),
  balanced as (
    select r.*, budget.balance(r.planned, r.activity, r.carries) over by_month as balance from row r
    window by_month as (partition by r.id order by r.month))
  select x.id, x.month, x.planned, x.note, x.activity, x.balance - x.planned - x.activity, x.balance,
    lag(x.balance, 1, 0::bigint) over (partition by x.id order by x.month) - (x.balance - x.planned - x.activity)
  from balanced x $$;

--------------------------------------------------------------------------------------------------------------- by targets
-- What of p_income is meant for each group that counts: its share rounded down, and what that leaves of the whole given out in
-- single units to the first ones, so that the sum is exact.
create function budget.group_targets(p_business uuid, p_budget uuid, p_income bigint)
returns table (group_id uuid, target_amount bigint) language sql stable parallel safe as $$
  select x.id, (x.share + case when row_number() over (order by x.target_bps = 0, x.sort, x.id)
      <= div(x.income * sum(x.target_bps) over (), 10000) - sum(x.share) over () then 1 else 0 end)::bigint
  from (select g.id, g.sort, g.target_bps, i.income, div(i.income * g.target_bps, 10000) as share
        from budget.budgets b
        join budget.category_groups g on g.business_id = b.business_id and g.budget_id = b.id and not g.is_income
          and (b.mode = 'envelope' or not g.hidden), (select greatest(p_income, 0)::numeric as income) i
        where b.business_id = p_business and b.id = p_budget) x $$;

------------------------------------------------------------------------------------------------------------------- months
-- The months from p_from to p_to in figures: this month's and those to date, and with p_groups what they come from. Held is what
-- a person set, else what is left, at most what later months lack at their worst. `cash` is counted by itself, from all that
-- came in and went out; `parts` is what the other figures say of it. In tracking mode there is nothing to budget and to prove.
create function budget.months(p_business uuid, p_budget uuid, p_from date, p_to date, p_groups boolean) returns table (month date,
  income bigint, planned bigint, activity bigint, balance bigint, uncategorized bigint, held bigint,
  last_month_overspent bigint, available_funds bigint, to_budget bigint, cash bigint, parts bigint, groups json)
language sql stable parallel safe as $$
  with category as materialized (select * from budget.counted_categories(p_business, p_budget)),
  planning as materialized (select * from budget.category_rows(p_business, p_budget, p_from, p_to)),
  flow as (
    select x.month, sum(x.planned) as planned, sum(x.income) as income, sum(x.uncategorized) as uncategorized,
      sum(x.cash) as cash
    from (select a.month, a.planned, 0 as income, 0 as uncategorized, 0 as cash
          from budget.allocations a join category c on c.id = a.category_id
          where a.business_id = p_business and a.budget_id = p_budget
          union all
          select m.month, 0, case when c.is_income then m.activity else 0 end,
            case when m.category_id is null then m.activity else 0 end, m.activity
          from budget.category_months m left join category c on c.id = m.category_id
          where m.business_id = p_business and m.budget_id = p_budget) x
    group by 1),
  to_date as (
    select m.month, coalesce(f.income, 0) as income, coalesce(f.uncategorized, 0) as uncategorized,
      coalesce(sum(f.income - f.planned) over past, 0) as funds, coalesce(sum(f.uncategorized) over past, 0) as unsorted,
      coalesce(sum(f.cash) over past, 0) as cash
    from (select s.month::date as month from generate_series(p_from::timestamp, p_to::timestamp, interval '1 month') s (month)
          union select f.month from flow f) m
    left join flow f on f.month = m.month
    window past as (order by m.month)),
  needs as (
    select t.*, greatest(t.funds - min(t.funds) over (order by t.month rows between 1 following and unbounded following),
      0) as need
    from to_date t),
  balances as (
    select p.month, sum(p.planned) as planned, sum(p.activity) as activity, sum(p.balance) as balance,
      sum(least(p.released, 0)) as overspent, sum(sum(p.released)) over (order by p.month) as released
    from planning p group by p.month),
  shown as (
    select n.month, n.income, n.uncategorized, n.unsorted, n.cash, n.need, coalesce(s.planned, 0) as planned,
      coalesce(s.activity, 0) as activity, coalesce(s.balance, 0) as balance, coalesce(s.overspent, 0) as overspent,
      n.funds + coalesce(s.released, 0) as rest
    from needs n left join balances s on s.month = n.month where n.month between p_from and p_to),
  settled as (
    select s.*, coalesce(h.held, greatest(0, least(s.rest, s.need))) as held
    from shown s
    left join budget.month_holds h on h.business_id = p_business and h.budget_id = p_budget and h.month = s.month),
  of_group as (
    select p.month, c.group_id, sum(p.planned) as planned, sum(p.activity) as activity, sum(p.balance) as balance,
      json_agg(json_build_object('id', c.id, 'name', c.name, 'rollover', c.rollover, 'hidden', c.hidden, 'note', p.note,
        'planned', p.planned, 'activity', p.activity, 'carry_in', p.carry_in, 'balance', p.balance)
        order by c.sort, c.id) as categories
    from planning p join category c on c.id = p.category_id
    where p_groups and p.month between p_from and p_to group by 1, 2)
  select s.month, s.income::bigint, s.planned::bigint, s.activity::bigint, s.balance::bigint, s.uncategorized::bigint,
    case when m.carries then s.held else 0 end::bigint, case when m.carries then s.overspent else 0 end::bigint,
    case when m.carries then s.rest + s.planned - s.overspent end::bigint, case when m.carries then s.rest - s.held end::bigint,
    case when m.carries then s.cash end::bigint,
    case when m.carries then (s.rest - s.held) + s.held + s.balance + s.unsorted end::bigint,
    case when p_groups then (
      select coalesce(json_agg(json_build_object('id', g.id, 'name', g.name, 'label', g.label, 'icon', g.icon,
        'hidden', g.hidden, 'target_bps', g.target_bps, 'target_amount', t.target_amount,
        'planned', coalesce(o.planned, 0), 'activity', coalesce(o.activity, 0), 'spent', -coalesce(o.activity, 0),
        'remaining', coalesce(o.planned + o.activity, 0), 'balance', coalesce(o.balance, 0),
        'categories', coalesce(o.categories, '[]')) order by g.sort, g.id), '[]')
      from budget.group_targets(p_business, p_budget, s.income::bigint) t
      join budget.category_groups g on g.business_id = p_business and g.id = t.group_id
      left join of_group o on o.group_id = g.id and o.month = s.month) end
  from settled s, (
    select b.mode = 'envelope' as carries from budget.budgets b where b.business_id = p_business and b.id = p_budget) m $$;

-- These months as answers show them.
create function budget.month_bodies(p_business uuid, p_budget uuid, p_from date, p_to date)
returns table (month date, version int, body json) language sql stable parallel safe as $$
  select m.month, b.version, json_build_object('month', to_char(m.month, 'YYYY-MM'), 'currency', b.currency,
    'version', b.version, 'income', m.income, 'planned', m.planned, 'activity', m.activity, 'balance', m.balance,
    'uncategorized', m.uncategorized, 'held', m.held, 'last_month_overspent', m.last_month_overspent,
    'available_funds', m.available_funds, 'to_budget', m.to_budget, 'groups', m.groups,
    'proof', case when m.cash is not null then json_build_object('cash', m.cash, 'parts', m.parts) end)
  from budget.budgets b, budget.months(p_business, p_budget, p_from, p_to, true) m
  where b.business_id = p_business and b.id = p_budget $$;

-- A month that a statement has just written. Volatile, so that it sees what is there by now.
create function budget.month_answer(b budget.budgets, p_month date) returns table (version int, body text)
language plpgsql volatile rows 1 as $$
begin
  return query select m.version, m.body::text from budget.month_bodies(b.business_id, b.id, p_month, p_month) m;
end $$;

---------------------------------------------------------------------------------------------------------------- planning
-- Writes plans of a month of a locked budget. p_plans: [{category_id, planned, note?}], each category once; without `note` it
-- stays. Refusals: plans_twice, unknown_category, income_category, allocations_planned_ck.
create function budget.write_plans(b budget.budgets, p_month date, p_plans jsonb) returns void language plpgsql as $$
begin
  if jsonb_array_length(p_plans) > (
    select count(distinct (i ->> 'category_id')::uuid) from jsonb_array_elements(p_plans) i) then
    perform core.refuse('plans_twice');
  end if;
  perform budget.require_category(b, (i ->> 'category_id')::uuid, true) from jsonb_array_elements(p_plans) i;
  merge into budget.allocations a
  using (select (i ->> 'category_id')::uuid as category_id, (i ->> 'planned')::bigint as planned, i ? 'note' as has_note,
           i ->> 'note' as note from jsonb_array_elements(p_plans) i) n
  on a.business_id = b.business_id and a.category_id = n.category_id and a.month = p_month
  when matched and (a.planned <> n.planned or n.has_note and a.note is distinct from n.note) then
    update set planned = n.planned, note = case when n.has_note then n.note else a.note end
  when not matched and (n.planned <> 0 or n.note is not null) then
    insert (business_id, budget_id, category_id, month, planned, note)
    values (b.business_id, b.id, n.category_id, p_month, n.planned, n.note);
end $$;

-- What auto-assigning would plan: for each category that is not hidden, of those named (p_input category_ids) or all.
-- p_by: target_bps (of p_input amount, else of the month's income; a group's part goes to its categories alike), average3 (what
-- was spent a month in the last three, as far as the budget goes back), last (what was spent in the last one), up_to (what
-- lifts the balance to the amount). Never less than nothing. Refusal: budget_first_month.
create function budget.assigned_plans(b budget.budgets, p_month date, p_by text, p_input jsonb) returns jsonb
language plpgsql stable as $$
declare
  v_amount bigint := p_input ->> 'amount'; v_months int := case p_by when 'average3' then 3 else 1 end;
  v_from date := greatest(b.first_month, p_month - make_interval(months => v_months));
  v_plans jsonb;
begin
  if p_by in ('average3', 'last') and p_month = b.first_month then perform core.refuse('budget_first_month'); end if;
  if p_by = 'target_bps' and v_amount is null then
    select m.income into v_amount from budget.months(b.business_id, b.id, p_month, p_month, false) m;
  end if;
  select jsonb_agg(jsonb_build_object('category_id', c.id, 'planned', case p_by
    when 'target_bps' then div(t.target_amount, c.count)
      + case when c.place <= t.target_amount - c.count * div(t.target_amount, c.count) then 1 else 0 end
    when 'up_to' then s.planned + greatest(v_amount - s.balance, 0)
    else greatest(div(s.spent, greatest(s.months, 1)), 0) end)) into v_plans
  from (select c.*, count(*) over (partition by c.group_id) as count,
          row_number() over (partition by c.group_id order by c.sort, c.id) as place
        from budget.counted_categories(b.business_id, b.id) c where not c.hidden and not c.is_income) c
  join (select r.category_id, sum(r.planned) filter (where r.month = p_month) as planned,
          sum(r.balance) filter (where r.month = p_month) as balance,
          -sum(r.activity) filter (where r.month >= v_from and r.month < p_month) as spent,
          count(*) filter (where r.month >= v_from and r.month < p_month) as months
        from budget.category_rows(b.business_id, b.id, v_from, p_month) r group by 1) s on s.category_id = c.id
  left join budget.group_targets(b.business_id, b.id, v_amount) t on t.group_id = c.group_id
  where p_input -> 'category_ids' is null or p_input -> 'category_ids' ? c.id::text;
  return coalesce(v_plans, '[]');
end $$;

-- The plans that an operation asks for. p_operation: set (p_input plans), move (from, to, amount), copy_last_month, or a way to
-- auto-assign. Refusals: those of budget.assigned_plans, budget_first_month.
create function budget.wanted_plans(b budget.budgets, p_month date, p_operation text, p_input jsonb) returns jsonb
language plpgsql stable as $$
declare
  v_plans jsonb;
begin
  if p_operation = 'set' then return p_input -> 'plans'; end if;
  if p_operation = 'copy_last_month' then
    if p_month = b.first_month then perform core.refuse('budget_first_month'); end if;
    select jsonb_agg(jsonb_build_object('category_id', c.id, 'planned', coalesce(a.planned, 0))) into v_plans
    from budget.counted_categories(b.business_id, b.id) c
    left join budget.allocations a on a.business_id = b.business_id and a.category_id = c.id
      and a.month = (p_month - interval '1 month')::date
    where not c.is_income;
    return coalesce(v_plans, '[]');
  end if;
  if p_operation <> 'move' then return budget.assigned_plans(b, p_month, p_operation, p_input); end if;
  select jsonb_agg(jsonb_build_object('category_id', m.id, 'planned', coalesce(a.planned, 0) + m.amount)) into v_plans
  from (values ((p_input ->> 'from')::uuid, -(p_input ->> 'amount')::bigint),
    ((p_input ->> 'to')::uuid, (p_input ->> 'amount')::bigint)) m (id, amount)
  left join budget.allocations a on a.business_id = b.business_id and a.category_id = m.id and a.month = p_month;
  return v_plans;
end $$;

-- Plans a month by an operation of budget.wanted_plans. No row: there is no such budget.
-- Refusals: stale_version, budget_month, those of budget.wanted_plans and budget.write_plans.
create function budget.plan_month(p_business uuid, p_owner uuid, p_budget uuid, p_version int, p_month date,
  p_operation text, p_input jsonb) returns table (version int, body text) language plpgsql rows 1 as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget, p_version);
begin
  if b.id is null then return; end if;
  perform budget.require_month(b, p_month);
  perform budget.write_plans(b, p_month, budget.wanted_plans(b, p_month, p_operation, p_input));
  b := budget.touch(b, 'plan', array[p_month]);
  return query select a.version, a.body from budget.month_answer(b, p_month) a;
end $$;

-- Holds an amount of a month for later ones; null: as much as is computed. No row: there is no such budget.
-- Refusals: stale_version, budget_month, budget_tracking_hold (nothing is held in tracking mode).
create function budget.hold_month(p_business uuid, p_owner uuid, p_budget uuid, p_version int, p_month date, p_held bigint)
returns table (version int, body text) language plpgsql rows 1 as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget, p_version);
begin
  if b.id is null then return; end if;
  perform budget.require_month(b, p_month);
  if b.mode = 'tracking' and p_held is not null then perform core.refuse('budget_tracking_hold'); end if;
  if p_held is null then
    delete from budget.month_holds h where h.business_id = b.business_id and h.budget_id = b.id and h.month = p_month;
  else
    insert into budget.month_holds (business_id, budget_id, month, held) values (b.business_id, b.id, p_month, p_held)
    on conflict on constraint month_holds_pk do update set held = excluded.held;
  end if;
  b := budget.touch(b, 'hold', array[p_month]);
  return query select a.version, a.body from budget.month_answer(b, p_month) a;
end $$;

------------------------------------------------------------------------------------------------- what the old API's clients ask
-- What was planned and spent of each group that counts, and what came in, in the months from p_from to p_to.
create function budget.group_months(p_business uuid, p_budget uuid, p_from date, p_to date) returns table (month date,
  group_id uuid, is_income boolean, planned bigint, activity bigint) language sql stable parallel safe as $$
  select x.month, c.group_id, c.is_income, sum(x.planned)::bigint, sum(x.activity)::bigint
  from (select a.category_id, a.month, a.planned, 0::bigint as activity from budget.allocations a
        where a.business_id = p_business and a.budget_id = p_budget and a.month between p_from and p_to
        union all
        select m.category_id, m.month, 0, m.activity from budget.category_months m
        where m.business_id = p_business and m.budget_id = p_budget and m.month between p_from and p_to) x
  join budget.counted_categories(p_business, p_budget) c on c.id = x.category_id
  group by 1, 2, 3 $$;

-- The body of GET /allocations; without its list, of /allocations/summary. Without a budget (null) nothing is in it.
create function budget.allocation_view(p_business uuid, p_budget uuid, p_month date, p_currency text, p_list boolean)
returns json language sql stable parallel safe as $$
  with flow as materialized (select * from budget.group_months(p_business, p_budget, p_month, p_month)),
  income as (select coalesce(sum(f.activity), 0)::bigint as amount from flow f where f.is_income),
  shown as materialized (
    select g.id, g.name, g.label, g.icon, g.hidden, g.target_bps, t.target_amount, g.sort,
      coalesce(f.planned, 0) as planned, -coalesce(f.activity, 0) as spent
    from income i, budget.group_targets(p_business, p_budget, i.amount) t
    join budget.category_groups g on g.business_id = p_business and g.id = t.group_id
    left join flow f on f.group_id = g.id),
  total as (
    select coalesce(sum(s.planned), 0)::bigint as planned, coalesce(sum(s.spent), 0)::bigint as spent,
      coalesce(sum(s.target_bps), 0)::int as target_bps
    from shown s)
  select json_object('year' value extract(year from p_month)::int, 'month' value extract(month from p_month)::int,
    'currency' value coalesce((select b.currency::text from budget.budgets b
      where b.business_id = p_business and b.id = p_budget), p_currency),
    'income' value i.amount, 'planned' value t.planned, 'spent' value t.spent, 'remaining' value t.planned - t.spent,
    'target_bps_total' value t.target_bps, 'unassigned_bps' value 10000 - t.target_bps,
    'allocations' value case when p_list then (
      select coalesce(json_agg(json_build_object('group_id', s.id, 'name', s.name, 'label', s.label, 'icon', s.icon,
        'hidden', s.hidden, 'target_bps', s.target_bps, 'target_amount', s.target_amount, 'planned', s.planned,
        'spent', s.spent, 'remaining', s.planned - s.spent) order by s.sort, s.id), '[]') from shown s) end
    absent on null)
  from income i, total t $$;
