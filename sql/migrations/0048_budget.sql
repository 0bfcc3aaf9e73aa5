-- Budgets: monthly envelopes of one person in one business. Plans and transactions are rows, sums are read from them, and
-- what carries over from month to month is computed when it is read (0051).
--
-- Lock order: the budget, then what is below it. Whoever writes below a budget has locked it (budget.lock_budget), says with
-- budget.touch what changed, and so gives it a new version: that is the entity tag of all of its months.
create schema budget;

create type budget.budget_mode as enum ('envelope', 'tracking');
create type budget.rollover as enum ('reset', 'carry_surplus', 'carry_all', 'carry_floor');

create function budget.is_month(p_day date) returns boolean language sql immutable parallel safe
return extract(day from p_day) = 1;

create table budget.budgets (
  business_id uuid not null constraint budgets_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  owner_id uuid not null constraint budgets_owner_fk references core.users,
  name text not null constraint budgets_name_ck check (length(name) between 1 and 100),
  mode budget.budget_mode not null default 'envelope',
  currency char(3) not null constraint budgets_currency_fk references core.currencies,
  timezone text not null constraint budgets_timezone_ck check (core.is_timezone(timezone)),   -- whose months they are
  is_default boolean not null default false,
  first_month date not null constraint budgets_first_month_ck
    check (budget.is_month(first_month) and first_month between '1970-01-01' and '2199-12-01'),
  deleted_at timestamptz,                                -- gone for everybody; its rows are removed in parts (budget.purge)
  version int not null default 1,
  constraint budgets_pk primary key (business_id, id),
  constraint budgets_default_ck check (not is_default or deleted_at is null)
);
select core.keep_record('budget.budgets');
select core.keep_audit('budget.budgets', 'budget');
create index budget_owner_ix on budget.budgets (business_id, owner_id, id) where deleted_at is null;
create unique index budget_default_uq on budget.budgets (business_id, owner_id) where is_default;
create index budget_deleted_ix on budget.budgets (deleted_at) where deleted_at is not null;

create table budget.category_groups (
  business_id uuid not null, id uuid not null default gen_random_uuid(), budget_id uuid not null,
  name text not null constraint category_groups_name_ck check (length(name) between 1 and 100),
  label text constraint category_groups_label_ck check (length(label) <= 100),
  icon text constraint category_groups_icon_ck check (length(icon) <= 50),
  -- of each month's income, what is meant for this group
  target_bps int not null default 0 constraint category_groups_target_ck check (target_bps between 0 and 10000),
  is_income boolean not null default false,
  hidden boolean not null default false,
  sort int not null default 0,
  version int not null default 1,
  constraint category_groups_pk primary key (business_id, id),
  constraint category_groups_budget_fk foreign key (business_id, budget_id) references budget.budgets on delete cascade,
  constraint category_groups_budget_uq unique (business_id, budget_id, id),
  constraint category_groups_name_uq unique (business_id, budget_id, name),
  constraint category_groups_income_ck check (not is_income or target_bps = 0)
);
select core.keep_record('budget.category_groups');
select core.keep_audit('budget.category_groups', 'budget_category_group');

create table budget.categories (
  business_id uuid not null, id uuid not null default gen_random_uuid(), budget_id uuid not null, group_id uuid not null,
  name text not null constraint categories_name_ck check (length(name) between 1 and 100),
  rollover budget.rollover not null default 'carry_surplus',
  hidden boolean not null default false,
  sort int not null default 0,
  version int not null default 1,
  constraint categories_pk primary key (business_id, id),
  constraint categories_budget_fk foreign key (business_id, budget_id) references budget.budgets on delete cascade,
  constraint categories_group_fk foreign key (business_id, budget_id, group_id)
    references budget.category_groups (business_id, budget_id, id),
  constraint categories_budget_uq unique (business_id, budget_id, id),
  constraint categories_name_uq unique (business_id, group_id, name)
);
select core.keep_record('budget.categories');
select core.keep_audit('budget.categories', 'budget_category');

create table budget.allocations (                        -- what is planned; less than nothing: taken from what was carried in
  business_id uuid not null, category_id uuid not null,
  month date not null constraint allocations_month_ck check (budget.is_month(month)),
  budget_id uuid not null,
  planned bigint not null
    constraint allocations_planned_ck check (planned between -9007199254740991 and 9007199254740991),
  note text constraint allocations_note_ck check (length(note) <= 500),
  constraint allocations_pk primary key (business_id, category_id, month),
  constraint allocations_category_fk foreign key (business_id, budget_id, category_id)
    references budget.categories (business_id, budget_id, id) on delete cascade
);
select core.keep_record('budget.allocations');
select core.keep_audit('budget.allocations', 'budget_allocation', p_id => 'category_id');
create index alloc_month_ix on budget.allocations (business_id, budget_id, month) include (category_id, planned);

create table budget.transactions (
  business_id uuid not null, id uuid not null default gen_random_uuid(), budget_id uuid not null,
  category_id uuid,                                      -- null: uncategorised
  amount bigint not null constraint transactions_amount_ck    -- above 0: in, below: out
    check (amount <> 0 and amount between -9007199254740991 and 9007199254740991),
  occurred_on date not null,                             -- a day of the budget's calendar
  month date generated always as (occurred_on - (extract(day from occurred_on)::int - 1)) stored,
  payee text constraint transactions_payee_ck check (length(payee) <= 200),
  memo text constraint transactions_memo_ck check (length(memo) <= 500),
  import_id text constraint transactions_import_ck check (length(import_id) between 1 and 200),
  ledger_entry_id bigint,
  deleted_at timestamptz,
  version int not null default 1,
  constraint transactions_pk primary key (business_id, id),
  constraint transactions_budget_fk foreign key (business_id, budget_id) references budget.budgets,
  constraint transactions_category_fk foreign key (business_id, budget_id, category_id)
    references budget.categories (business_id, budget_id, id)
);
select core.keep_record('budget.transactions');
select core.keep_audit('budget.transactions', 'budget_transaction');
-- deleted ones too: a bank line that was thrown away does not come back with the next import
create unique index btx_import_uq on budget.transactions (business_id, budget_id, import_id) where import_id is not null;
create index btx_page_ix on budget.transactions (business_id, budget_id, occurred_on desc, id desc) where deleted_at is null;
create index btx_uncategorized_ix on budget.transactions (business_id, budget_id, occurred_on desc, id desc)
  where category_id is null and deleted_at is null;
-- deleted ones too: the foreign keys and merging look here
create index btx_category_ix on budget.transactions (business_id, budget_id, category_id, occurred_on desc, id desc);

---------------------------------------------------------------------------------------------------------------- roll-up
-- Activity of each category and month, of uncategorised money under no category. Derived: budget.recount makes it again.
-- It needs no foreign keys, for its transactions have them.
create table budget.category_months (
  business_id uuid not null, budget_id uuid not null, month date not null, category_id uuid,
  activity bigint not null, tx_count int not null
) with (fillfactor = 70);
create unique index cm_month_ix on budget.category_months (business_id, budget_id, month, category_id)
  include (activity, tx_count) nulls not distinct;

-- The triggers are written by one text, so that they cannot come to different sums.
do $do$
declare
  v_new text := 'select n.*, 1 as sign from new_rows n'; v_old text := 'select o.*, -1 as sign from old_rows o';
  v_event text[];
begin
  foreach v_event slice 1 in array array[
    ['insert', 'new table as new_rows', v_new],
    ['update', 'old table as old_rows new table as new_rows', v_new || ' union all ' || v_old],
    ['delete', 'old table as old_rows', v_old]]
  loop
    execute format($sql$
      create function budget.roll_up_%1$s() returns trigger language plpgsql as $f$
      begin
        insert into budget.category_months as m (business_id, budget_id, month, category_id, activity, tx_count)
        select x.business_id, x.budget_id, x.month, x.category_id, sum(x.sign * x.amount), sum(x.sign)
        from (%3$s) x where x.deleted_at is null group by 1, 2, 3, 4
        having sum(x.sign * x.amount) <> 0 or sum(x.sign) <> 0 order by 1, 2, 3, 4
        on conflict (business_id, budget_id, month, category_id) do update
          set activity = m.activity + excluded.activity, tx_count = m.tx_count + excluded.tx_count;
        return null;
      end $f$;
      create trigger roll_up_%1$s after %1$s on budget.transactions referencing %2$s
        for each statement execute function budget.roll_up_%1$s()$sql$, v_event[1], v_event[2], v_event[3]);
  end loop;
end $do$;

-- Months of categories whose roll-up is not what their transactions come to, in one statement and therefore one snapshot.
create function budget.roll_up_drift(p_business uuid) returns table (budget_id uuid, month date, category_id uuid,
  activity numeric, tx_count bigint) language sql stable as $$
  select x.budget_id, x.month, x.category_id, sum(x.activity), sum(x.tx_count)
  from (select t.budget_id, t.month, t.category_id, sum(t.amount) as activity, count(*) as tx_count
        from budget.transactions t where t.business_id = p_business and t.deleted_at is null group by 1, 2, 3
        union all
        select m.budget_id, m.month, m.category_id, -m.activity, -m.tx_count from budget.category_months m
        where m.business_id = p_business) x
  group by 1, 2, 3 having sum(x.activity) <> 0 or sum(x.tx_count) <> 0 $$;

-- Makes the roll-up of a budget from its transactions. Returns how many months of categories were wrong.
create function budget.recount(p_business uuid, p_budget uuid) returns int language plpgsql as $$
declare
  v_repaired int;
begin
  perform from budget.budgets b where b.business_id = p_business and b.id = p_budget for no key update;
  insert into budget.category_months as m (business_id, budget_id, month, category_id, activity, tx_count)
  select p_business, d.budget_id, d.month, d.category_id, d.activity, d.tx_count
  from budget.roll_up_drift(p_business) d where d.budget_id = p_budget
  on conflict (business_id, budget_id, month, category_id) do update
    set activity = m.activity + excluded.activity, tx_count = m.tx_count + excluded.tx_count;
  get diagnostics v_repaired = row_count;
  return v_repaired;
end $$;

------------------------------------------------------------------------------------------------------------------ holds
create table budget.month_holds (                        -- a person's choice; without a row the hold is computed
  business_id uuid not null, budget_id uuid not null,
  month date not null constraint month_holds_month_ck check (budget.is_month(month)),
  held bigint not null constraint month_holds_held_ck check (held between 0 and 9007199254740991),
  constraint month_holds_pk primary key (business_id, budget_id, month),
  constraint month_holds_budget_fk foreign key (business_id, budget_id) references budget.budgets on delete cascade
);
select core.keep_record('budget.month_holds');
select core.keep_audit('budget.month_holds', 'budget_hold', p_id => 'budget_id');

----------------------------------------------------------------------------------------------------------------- writing
-- Locks the budget below which its owner asks to write, at the version they know (null: any). Null: it is not there, is
-- somebody else's, or was deleted. Refusal: stale_version.
create function budget.lock_budget(p_business uuid, p_owner uuid, p_id uuid, p_version int default null)
returns budget.budgets language plpgsql as $$
declare
  v budget.budgets;
begin
  select * into v from budget.budgets b
  where b.business_id = p_business and b.id = p_id and b.owner_id = p_owner and b.deleted_at is null for no key update;
  if not found then return null; end if;
  if v.version <> p_version then perform core.refuse('stale_version'); end if;
  return v;
end $$;

-- Gives a locked budget its next version and tells its owner's sockets, once a write. p_changed: budget, categories, plan,
-- hold or transactions; p_months: the months that look different now, null for all.
create function budget.touch(b budget.budgets, p_changed text, p_months date[] default null) returns budget.budgets
language plpgsql as $$
begin
  update budget.budgets x set version = x.version where x.business_id = b.business_id and x.id = b.id returning * into b;
  perform core.publish(b.business_id, 'budget:' || b.id, jsonb_build_object('budget_id', b.id, 'version', b.version,
    'months', (select jsonb_agg(distinct to_char(m, 'YYYY-MM')) from unnest(p_months) m), 'changed', p_changed));
  return b;
end $$;

-- Refuses a month that a budget has not: before its first one, or fifty years later and more. Refusal: budget_month.
create function budget.require_month(b budget.budgets, p_month date) returns void language plpgsql stable as $$
begin
  if p_month < b.first_month or p_month >= b.first_month + interval '50 years' then perform core.refuse('budget_month'); end if;
end $$;

-- The category of a locked budget. Refusals: unknown_category (not there, of another budget), income_category where one is
-- asked for that can be planned.
create function budget.require_category(b budget.budgets, p_id uuid, p_planned boolean default false)
returns budget.categories language plpgsql stable as $$
declare
  v budget.categories; v_is_income boolean;
begin
  select c.* into v from budget.categories c where c.business_id = b.business_id and c.budget_id = b.id and c.id = p_id;
  if not found then perform core.refuse('unknown_category'); end if;
  select g.is_income into v_is_income from budget.category_groups g
  where g.business_id = b.business_id and g.id = v.group_id;
  if p_planned and v_is_income then perform core.refuse('income_category'); end if;
  return v;
end $$;

----------------------------------------------------------------------------------------------------------------- budgets
-- What decides over the budgets of a person together (which is the default, how many there are) waits in turn, before it
-- locks any of them.
create function budget.lock_owner(p_business uuid, p_owner uuid) returns void language sql volatile as $$
  select pg_advisory_xact_lock(hashtextextended(concat_ws('/', 'budget.budgets', p_business, p_owner), 0)) $$;

-- Makes a budget with the groups that everybody begins with, and in each a category of the same name. The first one of a
-- person is their default, and a new default takes the place of the one before. p_fields: name, currency, timezone; mode,
-- is_default, first_month may be left out.
-- Refusals: budgets_count (a person has 100 at most), budgets_timezone_ck, budgets_currency_fk, budgets_first_month_ck.
create function budget.create_budget(p_business uuid, p_owner uuid, p_id uuid, p_fields jsonb) returns budget.budgets
language plpgsql as $$
declare
  v budget.budgets := jsonb_populate_record(null::budget.budgets, p_fields - 'first_month'); v_count int;
begin
  perform budget.lock_owner(p_business, p_owner);
  select count(*) into v_count from budget.budgets b
  where b.business_id = p_business and b.owner_id = p_owner and b.deleted_at is null;
  if v_count >= 100 then perform core.refuse('budgets_count'); end if;
  if not core.is_timezone(v.timezone) then perform core.refuse('budgets_timezone_ck'); end if;
  v.is_default := v_count = 0 or coalesce(v.is_default, false);
  if v.is_default then
    update budget.budgets b set is_default = false
    where b.business_id = p_business and b.owner_id = p_owner and b.is_default;
  end if;
  insert into budget.budgets (business_id, id, owner_id, name, mode, currency, timezone, is_default, first_month)
  values (p_business, p_id, p_owner, v.name, coalesce(v.mode, 'envelope'), v.currency, v.timezone, v.is_default,
    coalesce(((p_fields ->> 'first_month') || '-01')::date, date_trunc('month', now() at time zone v.timezone)::date))
  returning * into v;
  insert into budget.category_groups (business_id, id, budget_id, name, label, icon, target_bps, is_income, sort)
  select p_business, core.new_id(), p_id, g.name, initcap(g.name), g.icon, g.target_bps, g.name = 'income', g.sort
  from (values ('income', 'wallet', 0, 0), ('freedom', 'trending-up', 1000, 1), ('health', 'heart', 1000, 2),
    ('spending', 'shopping-cart', 5000, 3), ('learning', 'book', 1000, 4), ('entertainment', 'film', 500, 5),
    ('contribution', 'gift', 500, 6)) g (name, icon, target_bps, sort);
  insert into budget.categories (business_id, id, budget_id, group_id, name)
  select p_business, core.new_id(), p_id, g.id, g.name from budget.category_groups g
  where g.business_id = p_business and g.budget_id = p_id;
  return v;
end $$;

-- Removes rows of deleted budgets, p_max transactions at a time, and returns how many of them; the last part takes the budget
-- and the rest along.
create function budget.purge(p_max int) returns int language plpgsql as $$
declare
  b budget.budgets; v_removed int;
begin
  select * into b from budget.budgets x where x.deleted_at is not null order by x.deleted_at limit 1 for update skip locked;
  if not found then return 0; end if;
  delete from budget.transactions t where t.business_id = b.business_id and t.id = any (array(
    select x.id from budget.transactions x where x.business_id = b.business_id and x.budget_id = b.id limit p_max));
  get diagnostics v_removed = row_count;
  if v_removed = p_max then return v_removed; end if;
  delete from budget.allocations a where a.business_id = b.business_id and a.budget_id = b.id;
  delete from budget.category_months m where m.business_id = b.business_id and m.budget_id = b.id;
  delete from budget.categories c where c.business_id = b.business_id and c.budget_id = b.id;
  delete from budget.budgets x where x.business_id = b.business_id and x.id = b.id;
  return v_removed;
end $$;
