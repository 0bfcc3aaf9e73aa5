-- Transactions of budgets: what a person writes down, what a bank line or an entry of the ledger brings, and what of it was
-- spent. Who writes here has locked the budget, so what is looked at (is this line here already?) stays true.

create function budget.transaction_body(t budget.transactions) returns json language sql stable parallel safe as $$
  select json_build_object('id', t.id, 'budget_id', t.budget_id, 'category_id', t.category_id, 'amount', t.amount,
    'occurred_on', t.occurred_on::text, 'month', to_char(t.month, 'YYYY-MM'), 'payee', t.payee, 'memo', t.memo,
    'import_id', t.import_id, 'ledger_entry_id', t.ledger_entry_id, 'deleted_at', core.iso(t.deleted_at),
    'version', t.version, 'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at)) $$;

-- Whether a budget has this day: money before its first month, or fifty years later, would stand in no month of it.
create function budget.has_day(b budget.budgets, p_day date) returns boolean language sql immutable
return p_day >= b.first_month and p_day < b.first_month + interval '50 years';

-- What became of one transaction that was brought: written (is_new), what its import_id had become before, or a refusal.
create type budget.brought as (place int, transaction budget.transactions, is_new boolean, refusal text);

-- Writes transactions below a locked budget, each judged by itself. p_items: [{id, amount, occurred_on; category_id, payee, memo,
-- import_id, ledger_entry_id}]. An import_id is one transaction, also where it was changed or deleted since, or comes twice here.
-- Refusals, by item: transactions_day, transactions_category_fk.
create function budget.add_transactions(b budget.budgets, p_items jsonb) returns budget.brought[] language plpgsql as $$
declare
  v_brought budget.brought[];
begin
  with item as materialized (
    select i.*, k as known, case
      when k.id is not null then null
      when not budget.has_day(b, i.occurred_on) then 'transactions_day'
      when i.category_id is not null and c.id is null then 'transactions_category_fk' end as refusal
    from rows from (jsonb_to_recordset(p_items) as (id uuid, category_id uuid, amount bigint, occurred_on date, payee text,
      memo text, import_id text, ledger_entry_id bigint)) with ordinality i (id, category_id, amount, occurred_on, payee, memo,
      import_id, ledger_entry_id, place)
    left join budget.transactions k on k.business_id = b.business_id and k.budget_id = b.id and k.import_id = i.import_id
    left join budget.categories c on c.business_id = b.business_id and c.budget_id = b.id and c.id = i.category_id),
  judged as materialized (
    -- of several with one import_id the first that is not refused is written, and the others are that one
    select *, case when import_id is null then id
      else first_value(id) over (partition by import_id, refusal is null order by place) end as written_as
    from item),
  written as (
    insert into budget.transactions as t (business_id, id, budget_id, category_id, amount, occurred_on, payee, memo, import_id,
      ledger_entry_id)
    select b.business_id, j.id, b.id, j.category_id, j.amount, j.occurred_on, j.payee, j.memo, j.import_id, j.ledger_entry_id
    from judged j where j.refusal is null and (j.known).id is null and j.id = j.written_as
    returning t)
  select array_agg(row(j.place, case when (j.known).id is null then w.t else j.known end,
      (j.known).id is null and j.id = j.written_as and j.refusal is null, j.refusal)::budget.brought order by j.place)
    into v_brought
  from judged j left join written w on (w.t).id = j.written_as;
  if exists (select from unnest(v_brought) x where x.is_new) then
    perform budget.touch(b, 'transactions', array(
      select distinct ((x.transaction).month) from unnest(v_brought) x where x.is_new));
  end if;
  return v_brought;
end $$;

-- One transaction, or its refusal. Null: there is no such budget.
create function budget.create_transaction(p_business uuid, p_owner uuid, p_budget uuid, p_item jsonb) returns budget.brought
language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget); r budget.brought;
begin
  if b.id is null then return null; end if;
  r := (budget.add_transactions(b, jsonb_build_array(p_item)))[1];
  perform core.refuse(r.refusal);
  return r;
end $$;

-- Many in one request: a body with what became of each. Null: there is no such budget.
-- p_problems: by refusal, what the catalogue says of it {code, status, title, detail, pointer?}.
create function budget.create_batch(p_business uuid, p_owner uuid, p_budget uuid, p_items jsonb, p_problems jsonb,
  p_instance text, p_request text) returns text language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget); v_brought budget.brought[];
begin
  if b.id is null then return null; end if;
  v_brought := budget.add_transactions(b, p_items);
  return (
    select json_build_object('created', count(*) filter (where r.is_new),
      'duplicates', count(*) filter (where r.refusal is null and not r.is_new),
      'refused', count(r.refusal),
      'data', json_agg(case when r.refusal is null
        then json_build_object('status', case when r.is_new then 201 else 200 end,
          'transaction', budget.transaction_body(r.transaction))
        else json_build_object('status', (k.problem ->> 'status')::int, 'problem', core.problem_body(k.problem,
          k.problem ->> 'code', concat('/items/', r.place - 1, k.problem ->> 'pointer'), null, p_instance, p_request)::json)
        end order by r.place))::text
    from unnest(v_brought) r cross join lateral (select p_problems -> r.refusal as problem) k);
end $$;

-- The transaction that may be changed, at the version that whoever asks knows (null: any). Null: it is not there.
-- Refusal: stale_version.
create function budget.lock_transaction(b budget.budgets, p_id uuid, p_version int) returns budget.transactions
language plpgsql as $$
declare
  t budget.transactions;
begin
  if b.id is null then return null; end if;
  select * into t from budget.transactions x
  where x.business_id = b.business_id and x.budget_id = b.id and x.id = p_id and x.deleted_at is null;
  if not found then return null; end if;
  if t.version <> p_version then perform core.refuse('stale_version'); end if;
  return t;
end $$;

-- Changes the members that p_fields names: category_id, amount, occurred_on, payee, memo. Null: it is not there.
-- Refusals: stale_version, transactions_day, transactions_category_fk.
create function budget.update_transaction(p_business uuid, p_owner uuid, p_budget uuid, p_id uuid, p_version int,
  p_fields jsonb) returns budget.transactions language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget);
  o budget.transactions := budget.lock_transaction(b, p_id, p_version);
  n budget.transactions := jsonb_populate_record(o, p_fields);
begin
  if o.id is null then return null; end if;
  if not budget.has_day(b, n.occurred_on) then perform core.refuse('transactions_day'); end if;
  update budget.transactions t set category_id = n.category_id, amount = n.amount, occurred_on = n.occurred_on,
    payee = n.payee, memo = n.memo
  where t.business_id = p_business and t.id = p_id
  returning * into n;
  perform budget.touch(b, 'transactions', array[o.month, n.month]);
  return n;
end $$;

-- Takes a transaction out of every figure and list. Its row stays, so that its bank line does not come back with the next
-- import. False: it is not there. Refusal: stale_version.
create function budget.delete_transaction(p_business uuid, p_owner uuid, p_budget uuid, p_id uuid, p_version int)
returns boolean language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget);
  t budget.transactions := budget.lock_transaction(b, p_id, p_version);
begin
  if t.id is null then return false; end if;
  update budget.transactions x set deleted_at = now() where x.business_id = p_business and x.id = p_id;
  perform budget.touch(b, 'transactions', array[t.month]);
  return true;
end $$;

----------------------------------------------------------------------------------------------------------------- ledger
-- The currency of a bank account of the customer that a person is; null where they have no such account.
create function bank.own_currency(p_business uuid, p_user uuid, p_account uuid) returns char(3) language sql stable as $$
  select a.currency from bank.accounts a join core.customers c on c.business_id = a.business_id and c.id = a.customer_id
  where a.business_id = p_business and a.id = p_account and c.user_id = p_user $$;

-- Makes transactions of the entries of an own bank account that the budget has not yet, the oldest first, p_max at once.
-- p_request: {account_id; category_id, from, to}. Returns {created, has_more}; null: there is no such budget.
-- Refusals: account_not_found, currency_mismatch, unknown_category.
create function budget.import_entries(p_business uuid, p_owner uuid, p_budget uuid, p_request jsonb, p_max int) returns json
language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget);
  v_account uuid := p_request ->> 'account_id';
  v_category uuid := p_request ->> 'category_id';
  v_currency char(3) := bank.own_currency(p_business, p_owner, v_account);
  v_from date := greatest(b.first_month, (p_request ->> 'from')::date);
  v_to date := least((b.first_month + interval '50 years')::date - 1, (p_request ->> 'to')::date);
  v_items jsonb; v_found int;
begin
  if b.id is null then return null; end if;
  if v_currency is null or not exists (
    select from core.businesses x where x.id = p_business and 'bank' = any (x.modules)) then
    perform core.refuse('account_not_found');
  end if;
  if v_currency <> b.currency then perform core.refuse('currency_mismatch'); end if;
  if v_category is not null then perform budget.require_category(b, v_category); end if;
  select count(*), jsonb_agg(x.item order by x.place) filter (where x.place <= p_max) into v_found, v_items
  from (
    select row_number() over (order by e.effective_at, e.id) as place, jsonb_build_object('id', core.new_id(),
      'category_id', v_category, 'amount', case e.side when 'credit' then e.amount else -e.amount end,
      'occurred_on', (e.effective_at at time zone b.timezone)::date::text, 'memo', left(t.description, 500),
      'import_id', 'ledger:' || e.id, 'ledger_entry_id', e.id) as item
    from ledger.entries e join ledger.transactions t on t.business_id = e.business_id and t.id = e.transaction_id
    where e.business_id = p_business and e.account_id = v_account and e.phase in ('single', 'post')
      and e.effective_at >= v_from::timestamp at time zone b.timezone
      and e.effective_at < (v_to + 1)::timestamp at time zone b.timezone
      and not exists (select from budget.transactions k
        where k.business_id = p_business and k.budget_id = b.id and k.import_id = 'ledger:' || e.id)
    order by e.effective_at, e.id limit p_max + 1) x;
  if v_found > 0 then perform budget.add_transactions(b, v_items); end if;
  return json_build_object('created', least(v_found, p_max), 'has_more', v_found > p_max);
end $$;

-------------------------------------------------------------------------------------------------------------------- files
-- What is wrong with lines of a file that only the database knows. p_rows: as for budget.import_lines.
create function budget.line_faults(b budget.budgets, p_rows jsonb) returns table (line int, member text, detail text)
language sql stable as $$
  with row as (
    select r.*, (
      select count(*) from budget.categories c where c.business_id = b.business_id and c.budget_id = b.id and c.name = r.category)
      as categories
    from jsonb_to_recordset(p_rows) r (line int, occurred_on date, category text))
  select line, 'occurred_on', 'is in no month of the budget' from row where not budget.has_day(b, occurred_on)
  union all
  select line, 'category', case categories when 0 then 'there is no such category' else 'several categories have this name' end
  from row where category is not null and categories <> 1 $$;

-- Writes the lines of a file into a budget: all of them, or none and a list of what is wrong with which. An import_id that is
-- there already is counted, and nothing else. p_rows: [{line, id, amount, occurred_on, payee, memo, category, import_id}].
-- Null status: there is no such budget.
create function budget.import_lines(p_business uuid, p_owner uuid, p_budget uuid, p_rows jsonb, p_dry_run boolean,
  out status int, out body text) language plpgsql as $$
declare
  b budget.budgets := budget.lock_budget(p_business, p_owner, p_budget);
  v_errors jsonb; v_count int := jsonb_array_length(p_rows); v_wrong int; v_new int; v_brought budget.brought[];
begin
  if b.id is null then return; end if;
  select coalesce(jsonb_agg(jsonb_build_object('line', f.line, 'column', f.member, 'detail', f.detail)
    order by f.line, f.member), '[]'), count(distinct f.line) into v_errors, v_wrong
  from budget.line_faults(b, p_rows) f;
  if v_wrong = 0 and not p_dry_run then
    v_brought := budget.add_transactions(b, (
      select jsonb_agg(r.item || jsonb_build_object('category_id', c.id) order by r.place)
      from jsonb_array_elements(p_rows) with ordinality r (item, place)
      left join budget.categories c on c.business_id = p_business and c.budget_id = p_budget
        and c.name = r.item ->> 'category'));
    select count(*) into v_new from unnest(v_brought) x where x.is_new;
  else
    select count(distinct coalesce(r.item ->> 'import_id', r.item ->> 'id')) into v_new
    from jsonb_array_elements(p_rows) r (item)
    where not exists (select from budget.transactions t
      where t.business_id = p_business and t.budget_id = p_budget and t.import_id = r.item ->> 'import_id');
  end if;
  status := case when v_wrong > 0 then 422 when p_dry_run then 200 else 201 end;
  body := json_build_object('dry_run', p_dry_run, 'rows', v_count, 'valid', v_count - v_wrong,
    'created', case when status = 201 then v_new else 0 end, 'duplicates', v_count - v_new,
    'error_count', jsonb_array_length(v_errors), 'errors', v_errors)::text;
end $$;
