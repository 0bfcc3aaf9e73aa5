-- Budgets, their groups and categories: how they look, how they are changed, and how one category becomes part of another.

------------------------------------------------------------------------------------------------------------------ bodies
create function budget.budget_body(b budget.budgets) returns json language sql stable parallel safe as $$
  select json_build_object('id', b.id, 'name', b.name, 'mode', b.mode, 'currency', b.currency, 'timezone', b.timezone,
    'is_default', b.is_default, 'first_month', to_char(b.first_month, 'YYYY-MM'),
    'created_at', core.iso(b.created_at), 'updated_at', core.iso(b.updated_at), 'version', b.version) $$;

create function budget.group_body(g budget.category_groups) returns json language sql stable parallel safe as $$
  select json_build_object('id', g.id, 'budget_id', g.budget_id, 'name', g.name, 'label', g.label, 'icon', g.icon,
    'target_bps', g.target_bps, 'is_income', g.is_income, 'hidden', g.hidden, 'sort', g.sort,
    'created_at', core.iso(g.created_at), 'updated_at', core.iso(g.updated_at), 'version', g.version) $$;

create function budget.category_body(c budget.categories) returns json language sql stable parallel safe as $$
  select json_build_object('id', c.id, 'budget_id', c.budget_id, 'group_id', c.group_id, 'name', c.name,
    'rollover', c.rollover, 'hidden', c.hidden, 'sort', c.sort,
    'created_at', core.iso(c.created_at), 'updated_at', core.iso(c.updated_at), 'version', c.version) $$;

----------------------------------------------------------------------------------------------------------------- budgets
-- Whether something is planned, held, or was paid in a budget before a month; null: ever.
create function budget.has_rows(b budget.budgets, p_before date) returns boolean language sql stable as $$
  select exists (select from budget.allocations a
      where a.business_id = b.business_id and a.budget_id = b.id and a.planned <> 0 and (p_before is null or a.month < p_before))
    or exists (select from budget.month_holds h
      where h.business_id = b.business_id and h.budget_id = b.id and (p_before is null or h.month < p_before))
    or exists (select from budget.transactions t where t.business_id = b.business_id and t.budget_id = b.id
      and t.deleted_at is null and (p_before is null or t.occurred_on < p_before)) $$;

-- Changes the members of a budget that the patch names. Null: there is none. Refusals: stale_version, budgets_default_stays (a
-- default is only moved, by making another one the default), budgets_currency_stays and budgets_first_month_rows (something
-- is in it already), budgets_timezone_ck, budgets_currency_fk, budgets_first_month_ck.
create function budget.update_budget(p_business uuid, p_owner uuid, p_id uuid, p_version int, p_patch jsonb)
returns budget.budgets language plpgsql as $$
declare
  b budget.budgets; v budget.budgets;
begin
  if p_patch ? 'is_default' then perform budget.lock_owner(p_business, p_owner); end if;
  b := budget.lock_budget(p_business, p_owner, p_id, p_version);
  if b.id is null then return null; end if;
  v := jsonb_populate_record(b, p_patch - 'first_month');
  if p_patch ? 'first_month' then v.first_month := ((p_patch ->> 'first_month') || '-01')::date; end if;
  if b.is_default and not v.is_default then perform core.refuse('budgets_default_stays'); end if;
  if v.currency <> b.currency and budget.has_rows(b, null) then perform core.refuse('budgets_currency_stays'); end if;
  if v.first_month > b.first_month and budget.has_rows(b, v.first_month) then
    perform core.refuse('budgets_first_month_rows');
  end if;
  if v.is_default and not b.is_default then
    update budget.budgets o set is_default = false
    where o.business_id = p_business and o.owner_id = p_owner and o.is_default;
  end if;
  update budget.budgets x set name = v.name, mode = v.mode, currency = v.currency, timezone = v.timezone,
    is_default = v.is_default, first_month = v.first_month
  where x.business_id = p_business and x.id = p_id;
  return budget.touch(b, 'budget');
end $$;

-- Deletes a budget with everything below it; the oldest of the others becomes the default in its place. Null: there is none.
-- Refusal: stale_version.
create function budget.delete_budget(p_business uuid, p_owner uuid, p_id uuid, p_version int) returns uuid
language plpgsql as $$
declare
  b budget.budgets;
begin
  perform budget.lock_owner(p_business, p_owner);
  b := budget.lock_budget(p_business, p_owner, p_id, p_version);
  if b.id is null then return null; end if;
  update budget.budgets x set deleted_at = now(), is_default = false where x.business_id = p_business and x.id = p_id;
  if b.is_default then
    update budget.budgets x set is_default = true where x.business_id = p_business and x.id = (
      select o.id from budget.budgets o where o.business_id = p_business and o.owner_id = p_owner and o.deleted_at is null
      order by o.created_at, o.id limit 1);
  end if;
  perform budget.touch(b, 'budget');
  return p_id;
end $$;

------------------------------------------------------------------------------------------------------------------ groups
-- Makes a group. Null: there is no such budget. Refusals: category_groups_count (a budget has 100), category_groups_name_uq,
-- category_groups_income_ck.
create function budget.create_group(p_business uuid, p_owner uuid, p_budget uuid, p_id uuid, p_fields jsonb)
returns budget.category_groups language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget); v budget.category_groups;
begin
  if b.id is null then return null; end if;
  if (select count(*) from budget.category_groups g where g.business_id = b.business_id and g.budget_id = b.id) >= 100 then
    perform core.refuse('category_groups_count');
  end if;
  v := jsonb_populate_record(null::budget.category_groups, p_fields);
  insert into budget.category_groups (business_id, id, budget_id, name, label, icon, target_bps, is_income, hidden, sort)
  values (b.business_id, p_id, b.id, v.name, v.label, v.icon, v.target_bps, v.is_income, v.hidden, v.sort)
  returning * into v;
  perform budget.touch(b, 'categories');
  return v;
end $$;

-- The group of a locked budget at the version that the caller knows (null: any); null: not there. Refusal: stale_version.
create function budget.group_of(b budget.budgets, p_id uuid, p_version int) returns budget.category_groups
language plpgsql stable as $$
declare
  v budget.category_groups;
begin
  select * into v from budget.category_groups g
  where g.business_id = b.business_id and g.budget_id = b.id and g.id = p_id;
  if v.version <> p_version then perform core.refuse('stale_version'); end if;
  return v;
end $$;

-- Changes the members of a group that the patch names. Null: not there. Refusals: stale_version, category_groups_name_uq,
-- category_groups_income_ck.
create function budget.update_group(p_business uuid, p_owner uuid, p_budget uuid, p_id uuid, p_version int, p_patch jsonb)
returns budget.category_groups language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget);
  v budget.category_groups := budget.group_of(b, p_id, p_version);
begin
  if v.id is null then return null; end if;
  v := jsonb_populate_record(v, p_patch);
  update budget.category_groups g set name = v.name, label = v.label, icon = v.icon, target_bps = v.target_bps,
    hidden = v.hidden, sort = v.sort
  where g.business_id = b.business_id and g.id = p_id returning * into v;
  perform budget.touch(b, 'categories');
  return v;
end $$;

-------------------------------------------------------------------------------------------------------------- categories
-- Makes a category. Null: there is no such budget. Refusals: categories_count (a budget has 500), categories_group_fk,
-- categories_name_uq.
create function budget.create_category(p_business uuid, p_owner uuid, p_budget uuid, p_id uuid, p_fields jsonb)
returns budget.categories language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget); v budget.categories;
begin
  if b.id is null then return null; end if;
  if (select count(*) from budget.categories c where c.business_id = b.business_id and c.budget_id = b.id) >= 500 then
    perform core.refuse('categories_count');
  end if;
  v := jsonb_populate_record(null::budget.categories, p_fields);
  insert into budget.categories (business_id, id, budget_id, group_id, name, rollover, hidden, sort)
  values (b.business_id, p_id, b.id, v.group_id, v.name, v.rollover, v.hidden, v.sort)
  returning * into v;
  perform budget.touch(b, 'categories');
  return v;
end $$;

-- The category of a locked budget at the version that the caller knows (null: any); null: not there. Refusal: stale_version.
create function budget.category_of(b budget.budgets, p_id uuid, p_version int) returns budget.categories
language plpgsql stable as $$
declare
  v budget.categories;
begin
  select * into v from budget.categories c where c.business_id = b.business_id and c.budget_id = b.id and c.id = p_id;
  if v.version <> p_version then perform core.refuse('stale_version'); end if;
  return v;
end $$;

-- Whether money of a group is income: it cannot be mixed with what is planned and spent.
create function budget.is_income(b budget.budgets, p_group uuid) returns boolean language sql stable
return (select g.is_income from budget.category_groups g
        where g.business_id = b.business_id and g.budget_id = b.id and g.id = p_group);

-- Changes the members of a category that the patch names. Null: not there. Refusals: stale_version, categories_group_fk,
-- categories_name_uq, categories_group_income (to a group of income from another one, or back).
create function budget.update_category(p_business uuid, p_owner uuid, p_budget uuid, p_id uuid, p_version int, p_patch jsonb)
returns budget.categories language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget);
  c budget.categories := budget.category_of(b, p_id, p_version); v budget.categories;
begin
  if c.id is null then return null; end if;
  v := jsonb_populate_record(c, p_patch);
  if budget.is_income(b, v.group_id) <> budget.is_income(b, c.group_id) then
    perform core.refuse('categories_group_income');
  end if;
  update budget.categories x set group_id = v.group_id, name = v.name, rollover = v.rollover, hidden = v.hidden, sort = v.sort
  where x.business_id = b.business_id and x.id = p_id returning * into v;
  perform budget.touch(b, 'categories');
  return v;
end $$;

-- Whether something is planned for a category, or was paid under it.
create function budget.is_used(c budget.categories) returns boolean language sql stable as $$
  select exists (select from budget.allocations a where a.business_id = c.business_id and a.category_id = c.id and a.planned <> 0)
    or exists (select from budget.transactions t where t.business_id = c.business_id and t.budget_id = c.budget_id
      and t.category_id = c.id and t.deleted_at is null) $$;

-- Moves the plans and transactions of a category of a locked budget to another one, and removes it. Refusals:
-- unknown_category, category_into_itself, category_into_income (of which one is of income and the other is not).
create function budget.move_category(b budget.budgets, c budget.categories, p_into uuid) returns budget.categories
language plpgsql as $$
declare
  v budget.categories := budget.require_category(b, p_into);
begin
  if v.id = c.id then perform core.refuse('category_into_itself'); end if;
  if budget.is_income(b, v.group_id) <> budget.is_income(b, c.group_id) then perform core.refuse('category_into_income'); end if;
  merge into budget.allocations a
  using (select * from budget.allocations o where o.business_id = c.business_id and o.category_id = c.id) o
  on a.business_id = o.business_id and a.category_id = v.id and a.month = o.month
  when matched then update set planned = a.planned + o.planned, note = coalesce(a.note, o.note)
  when not matched then insert (business_id, budget_id, category_id, month, planned, note)
    values (o.business_id, o.budget_id, v.id, o.month, o.planned, o.note);
  delete from budget.allocations a where a.business_id = c.business_id and a.category_id = c.id;
  update budget.transactions t set category_id = v.id
  where t.business_id = c.business_id and t.budget_id = c.budget_id and t.category_id = c.id;
  delete from budget.category_months m
  where m.business_id = c.business_id and m.budget_id = c.budget_id and m.category_id = c.id;
  delete from budget.categories x where x.business_id = c.business_id and x.id = c.id;
  return v;
end $$;

-- Removes a category that nothing was planned for and paid under; transactions that were deleted forget it.
-- Refusal: category_in_use.
create function budget.drop_category(c budget.categories) returns void language plpgsql as $$
begin
  if budget.is_used(c) then perform core.refuse('category_in_use'); end if;
  update budget.transactions t set category_id = null
  where t.business_id = c.business_id and t.budget_id = c.budget_id and t.category_id = c.id;
  delete from budget.allocations a where a.business_id = c.business_id and a.category_id = c.id;
  delete from budget.category_months m
  where m.business_id = c.business_id and m.budget_id = c.budget_id and m.category_id = c.id;
  delete from budget.categories x where x.business_id = c.business_id and x.id = c.id;
end $$;

-- Deletes a category, into another one or, where nothing is in it, into none. Null: not there. The one that took it over is
-- returned, else the one that is gone. Refusals: stale_version, category_in_use, those of budget.move_category.
create function budget.delete_category(p_business uuid, p_owner uuid, p_budget uuid, p_id uuid, p_version int, p_into uuid)
returns budget.categories language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget);
  c budget.categories := budget.category_of(b, p_id, p_version);
begin
  if c.id is null then return null; end if;
  if p_into is null then perform budget.drop_category(c); else c := budget.move_category(b, c, p_into); end if;
  perform budget.touch(b, 'categories');
  return c;
end $$;

-- Deletes a group with its categories, none of which is used. Null: not there. Refusals: stale_version, category_in_use.
create function budget.delete_group(p_business uuid, p_owner uuid, p_budget uuid, p_id uuid, p_version int) returns uuid
language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget);
  g budget.category_groups := budget.group_of(b, p_id, p_version);
begin
  if g.id is null then return null; end if;
  perform budget.drop_category(c) from budget.categories c
  where c.business_id = g.business_id and c.budget_id = g.budget_id and c.group_id = g.id;
  delete from budget.category_groups x where x.business_id = g.business_id and x.id = g.id;
  perform budget.touch(b, 'categories');
  return g.id;
end $$;

------------------------------------------------------------------------------------------------------------------- proof
-- What must hold of the budgets of a business, and the first thing of each part that does not: the roll-up is what its
-- transactions come to, plans are of categories that can be planned, nothing lies before a budget's first month, and who has
-- budgets has a default.
create function budget.verify(p_business uuid) returns table (broken text) language sql stable as $$
  (select format('budget %s, %s, category %s: the roll-up differs by %s in %s transactions', d.budget_id,
    to_char(d.month, 'YYYY-MM'), coalesce(d.category_id::text, 'none'), d.activity, d.tx_count)
  from budget.roll_up_drift(p_business) d order by d.budget_id, d.month, d.category_id limit 1)
  union all
  (select format('category %s is of income and has a plan', a.category_id)
  from budget.allocations a
  join budget.categories c on c.business_id = a.business_id and c.id = a.category_id
  join budget.category_groups g on g.business_id = c.business_id and g.id = c.group_id and g.is_income
  where a.business_id = p_business limit 1)
  union all
  (select format('budget %s has something before its first month', b.id)
  from budget.budgets b
  where b.business_id = p_business and b.deleted_at is null and budget.has_rows(b, b.first_month) limit 1)
  union all
  (select format('person %s has budgets and no default', b.owner_id)
  from budget.budgets b where b.business_id = p_business and b.deleted_at is null
  group by b.owner_id having count(*) filter (where b.is_default) = 0 limit 1) $$;
