-- Statements of account, interest, and what the overviews of the bank read.

create index wires_open_ix on bank.wire_transfers (business_id, customer_id, transfer_id)
  where status in ('pending_approval', 'compliance_review', 'on_hold', 'approved', 'submitted');

--------------------------------------------------------------------------------------------------------- statements
-- A row of a statement as it is hashed, and shown in every form. All of it is in tables that are never changed.
create type bank.statement_row as (
  entry_id bigint, transaction_id uuid, effective_at text, kind text, reference text, description text,
  side ledger.side, amount bigint, currency text);

-- The same as JSON without white space. h: the hold that t posted, whose words it has.
create function bank.statement_line(e ledger.entries, t ledger.transactions, h ledger.transactions) returns text
language sql stable parallel safe as $$
  select row_to_json(row(e.id, e.transaction_id, core.iso(e.effective_at), t.kind, coalesce(t.reference, h.reference),
    coalesce(t.description, h.description), e.side, e.amount, e.currency)::bank.statement_row)::text $$;

-- What a statement of an account of p_own_user (null: of anybody) will say: what the ledger had when its first day began
-- and its last one ended, how many entries are effective between, and the account's last entry. All in one snapshot; and
-- because the ids of an account's entries are in the order in which they were posted, that last one is a bound that
-- nothing passes later: the rows are known from here on.
-- Refusals: statements_account_fk, statement_period_open, statements_period_ck, statement_entries.
create function bank.prepare_statement(p_business uuid, p_account uuid, p_from date, p_to date, p_own_user uuid,
  out timezone text, out opening bigint, out closing bigint, out entries int, out through_entry_id bigint)
language plpgsql stable as $$
declare
  c_entries_max constant int := 500000;
  c_instant constant interval := interval '1 microsecond';
  v_starts timestamptz; v_ends timestamptz; v_refusal text;
begin
  if not exists (
    select from bank.accounts a join core.customers o on o.business_id = a.business_id and o.id = a.customer_id
    where a.business_id = p_business and a.id = p_account and (p_own_user is null or o.user_id = p_own_user)) then
    raise exception 'no such account' using errcode = '23503', constraint = 'statements_account_fk';
  end if;
  select b.timezone into timezone from core.businesses b where b.id = p_business;
  v_refusal := case
    when p_to < p_from or p_to > p_from + 365 then 'statements_period_ck'
    when p_to >= (now() at time zone timezone)::date then 'statement_period_open' end;
  if v_refusal is null then
    v_starts := p_from::timestamp at time zone timezone;
    v_ends := (p_to + 1)::timestamp at time zone timezone;
    select count(*) into entries from (
      select from ledger.entries e
      where e.business_id = p_business and e.account_id = p_account and e.phase in ('single', 'post')
        and e.effective_at >= v_starts and e.effective_at < v_ends limit c_entries_max + 1) e;
    if entries > c_entries_max then v_refusal := 'statement_entries'; end if;
  end if;
  if v_refusal is not null then
    raise exception 'refused: %', v_refusal using errcode = '23514', constraint = v_refusal;
  end if;
  opening := ledger.balance_as_of(p_business, p_account, v_starts - c_instant);
  closing := ledger.balance_as_of(p_business, p_account, v_ends - c_instant);
  through_entry_id := coalesce((
    select max(e.id) from ledger.entries e where e.business_id = p_business and e.account_id = p_account), 0);
end $$;

select core.keep_append_only('bank.statements');

create function bank.statement_body(s bank.statements) returns json language sql stable parallel safe as $$
  select json_build_object('id', s.id, 'account_id', s.account_id, 'account_number', a.account_number,
    'currency', a.currency, 'from', s.period_from, 'to', s.period_to,
    'timezone', s.timezone, 'opening', s.opening, 'closing', s.closing, 'entries', s.entries, 'sha256', encode(s.sha256, 'hex'), 'version', s.version, 'created_at', core.iso(s.created_at))
  from bank.accounts a where a.business_id = s.business_id and a.id = s.account_id $$;

----------------------------------------------------------------------------------------------------------- interest
-- Rates that an account had through the days before `until`; what it has since is in bank.accounts.
create table bank.past_rates (
  business_id uuid not null, account_id uuid not null, until date not null,
  interest_bps int not null, overdraft_bps int not null,
  constraint past_rates_pk primary key (business_id, account_id, until),
  constraint past_rates_account_fk foreign key (business_id, account_id) references bank.accounts
);
select core.keep_append_only('bank.past_rates');

-- A rate counts from the day of the business on which it was set, of several in a day the last.
create function bank.keep_past_rate() returns trigger language plpgsql as $$
begin
  insert into bank.past_rates (business_id, account_id, until, interest_bps, overdraft_bps)
  values (old.business_id, old.id, core.business_today(old.business_id), old.interest_bps, old.overdraft_bps)
  on conflict do nothing;
  return null;
end $$;
create trigger keep_past_rate after update of interest_bps, overdraft_bps on bank.accounts for each row
when ((old.interest_bps, old.overdraft_bps) is distinct from (new.interest_bps, new.overdraft_bps))
execute function bank.keep_past_rate();

-- What an account earned (or owes, below zero) in a month, once: amount is what is posted, transfer_id by what. Null where
-- nothing is to be posted, and while it is refused: the account is frozen, or at its overdraft limit.
create table bank.interest_periods (
  business_id uuid not null, account_id uuid not null,
  period date not null constraint interest_periods_period_ck check (extract(day from period) = 1),
  units numeric not null,                                -- see bank.interest_units
  amount bigint not null,
  transfer_id uuid, tried_at timestamptz not null default now(),
  constraint interest_periods_pk primary key (business_id, account_id, period),
  constraint interest_periods_account_fk foreign key (business_id, account_id) references bank.accounts,
  constraint interest_periods_transfer_ck check (transfer_id is null or amount <> 0)
);
select core.keep_record('bank.interest_periods');
select core.keep_audit('bank.interest_periods', 'interest_period', '{}', '{tried_at}', 'account_id');
create index interest_periods_owed_ix on bank.interest_periods (business_id, tried_at)
  where transfer_id is null and amount <> 0;

-- Months that are done for a business: every account of it has its row.
create table bank.interest_runs (
  business_id uuid not null constraint interest_runs_business_fk references core.businesses, period date not null,
  constraint interest_runs_pk primary key (business_id, period)
);
select core.keep_record('bank.interest_runs');

create index bacc_rates_ix on bank.accounts (business_id, id) where interest_bps > 0 or overdraft_bps > 0;

-- A fraction, rounded half to even at so many digits. Exact whatever its size.
create function core.half_even(p_numerator numeric, p_denominator numeric, p_digits int) returns numeric
language sql immutable parallel safe as $$
  select sign(p_numerator) * ('1e-' || p_digits)::numeric * case
    when 2 * r.rest > p_denominator or 2 * r.rest = p_denominator and mod(q.whole, 2) = 1 then q.whole + 1 else q.whole end
  from (select abs(p_numerator) * ('1e' || p_digits)::numeric as scaled) n
  cross join lateral (select div(n.scaled, p_denominator) as whole) q
  cross join lateral (select n.scaled - q.whole * p_denominator as rest) r
$$;

-- Interest of an account for days of its business's calendar, both bounds included, exact: the sum of each day's closing
-- balance in minor units × its rate in basis points. Divided by 10,000 × 365 it is an amount, in leap years too.
create function bank.interest_units(p_business uuid, p_account uuid, p_from date, p_to date) returns numeric
language sql stable as $$
  with zone as materialized (
    select b.timezone, p_from::timestamp at time zone b.timezone as starts,
      (p_to + 1)::timestamp at time zone b.timezone as ends
    from core.businesses b where b.id = p_business),
  moved as (
    select (e.effective_at at time zone z.timezone)::date as day,
      sum(case e.side when 'credit' then e.amount else -e.amount end) as net
    from zone z join ledger.entries e on e.business_id = p_business and e.account_id = p_account
      and e.phase in ('single', 'post') and e.effective_at >= z.starts and e.effective_at < z.ends
    group by 1),
  closing as (
    select d.day, ledger.balance_as_of(p_business, p_account, z.starts - interval '1 microsecond')
      + coalesce(sum(m.net) over (order by d.day), 0) as balance
    from zone z cross join (select p_from + g as day from generate_series(0, p_to - p_from) g) d
    left join moved m on m.day = d.day)
  select coalesce(sum(c.balance * case when c.balance >= 0 then r.interest_bps else r.overdraft_bps end), 0)
  from closing c cross join lateral (
    select * from (
      (select p.interest_bps, p.overdraft_bps from bank.past_rates p
       where p.business_id = p_business and p.account_id = p_account and p.until > c.day order by p.until limit 1)
      union all
      select a.interest_bps, a.overdraft_bps from bank.accounts a where a.business_id = p_business and a.id = p_account) r
    limit 1) r
$$;

-- What interest_units are divided by.
create function bank.interest_divisor() returns numeric language sql immutable parallel safe return 10000 * 365;

-- The same as it is shown: minor units with four digits, half to even.
create function bank.accrued_interest(p_business uuid, p_account uuid, p_from date, p_to date) returns numeric
language sql stable as $$
  select core.half_even(bank.interest_units(p_business, p_account, p_from, p_to), bank.interest_divisor(), 4)
$$;

-- The next work: accounts of one business and month that have no row yet, then those that are owed since yesterday. A row
-- without accounts: the month is done. No row: nothing is to be done. A business begins with last month. p_except:
-- businesses that are left out.
create function bank.find_due_interest(p_max int, p_except uuid[] default '{}')
returns table (business_id uuid, period date, account_ids uuid[]) language plpgsql stable as $$
declare
  v_business record;
begin
  for v_business in
    select b.id, m.last, coalesce((
        select max(r.period) + interval '1 month' from bank.interest_runs r where r.business_id = b.id), m.last)::date as next
    from core.businesses b
    cross join lateral (select (date_trunc('month', now() at time zone b.timezone) - interval '1 month')::date as last) m
    where b.status = 'active' and b.id <> all (p_except)
      and exists (select from bank.accounts a where a.business_id = b.id) order by b.id
  loop
    business_id := v_business.id; period := v_business.next;
    if v_business.next <= v_business.last then
      account_ids := array(
        select a.id from (
          select a.id from bank.accounts a
          where a.business_id = v_business.id and (a.interest_bps > 0 or a.overdraft_bps > 0)
          union
          select p.account_id from bank.past_rates p where p.business_id = v_business.id and p.until > v_business.next) a
        where not exists (
          select from bank.interest_periods i
          where i.business_id = v_business.id and i.account_id = a.id and i.period = v_business.next)
        order by a.id limit p_max);
      return next; return;
    end if;
    select o.period, array_agg(o.account_id order by o.account_id) into period, account_ids
    from (
      select i.period, i.account_id from bank.interest_periods i
      join ledger.accounts a on a.business_id = i.business_id and a.id = i.account_id and a.status = 'open'
      where i.business_id = v_business.id and i.transfer_id is null and i.amount <> 0
        and i.tried_at < now() - interval '1 day'
      order by i.period, i.tried_at limit p_max) o
    group by o.period order by o.period limit 1;
    if found then return next; return; end if;
  end loop;
end $$;

create function bank.interest_reference(p_account uuid, p_period date) returns text language sql immutable parallel safe
return 'interest:' || p_account || ':' || to_char(p_period, 'YYYY-MM');

-- Works out a month that is over for these accounts, once, and posts what is owed: p_ids are those of the transfers, one
-- an account. Returns how many were posted; null when another replica is at it. Without accounts the month is done.
create function bank.post_interest(p_business uuid, p_period date, p_accounts uuid[], p_ids uuid[]) returns int
language plpgsql as $$
declare
  v_accounts uuid[]; v_ids uuid[]; v_amounts bigint[]; v_currencies char(3)[]; v_outcomes ledger.outcome[]; v_posted int;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('bank.interest/' || p_business, 0)) then return null; end if;
  if (p_period + interval '1 month')::date > core.business_today(p_business) then
    raise exception 'the month % is not over', p_period;
  elsif cardinality(p_accounts) = 0 then
    insert into bank.interest_runs (business_id, period) values (p_business, p_period) on conflict do nothing;
    return 0;
  end if;
  insert into bank.interest_periods (business_id, account_id, period, units, amount)
  select p_business, a.id, p_period, u.units, core.half_even(u.units, bank.interest_divisor(), 0)
  from bank.accounts a
  cross join lateral bank.interest_units(p_business, a.id, p_period, (p_period + interval '1 month')::date - 1) u (units)
  where a.business_id = p_business and a.id = any (p_accounts)
    and not exists (select from bank.interest_periods i
      where i.business_id = p_business and i.account_id = a.id and i.period = p_period);
  select array_agg(d.account_id order by d.account_id), array_agg(d.id order by d.account_id),
    array_agg(d.amount order by d.account_id), array_agg(d.currency order by d.account_id)
  into v_accounts, v_ids, v_amounts, v_currencies
  from (
    select i.account_id, p.id, i.amount, a.currency
    from unnest(p_accounts, p_ids) p (account_id, id)
    join bank.interest_periods i on i.business_id = p_business and i.account_id = p.account_id and i.period = p_period
    join ledger.accounts a on a.business_id = p_business and a.id = p.account_id and a.status = 'open'
    where i.transfer_id is null and i.amount <> 0) d;
  if v_accounts is null then return 0; end if;
  perform ledger.house_account(p_business, h.purpose, h.kind, c.currency)
  from (select distinct unnest(v_currencies) as currency) c
  cross join (values ('expense:interest', 'expense'::ledger.account_kind), ('income:interest', 'income')) h (purpose, kind);
  v_outcomes := ledger.post_batch(
    (select array_agg(ledger.posting_of(p_business, d.id, 'single', 'bank.interest', null,
        bank.interest_reference(d.account_id, p_period), p_description => 'Interest ' || to_char(p_period, 'YYYY-MM')) order by d.n)
     from unnest(v_accounts, v_ids) with ordinality d (account_id, id, n)),
    (select array_agg(row(d.n, l.account_id, l.side, abs(d.amount))::ledger.leg order by d.n, l.side)
     from unnest(v_accounts, v_amounts, v_currencies) with ordinality d (account_id, amount, currency, n)
     join ledger.accounts h on h.business_id = p_business and h.code = ledger.house_code(p_business,
       case when d.amount > 0 then 'expense:interest' else 'income:interest' end, d.currency)
     cross join lateral (values
       (d.account_id, case when d.amount > 0 then 'credit'::ledger.side else 'debit' end),
       (h.id, case when d.amount > 0 then 'debit'::ledger.side else 'credit' end)) l (account_id, side)));
  insert into bank.transfers (business_id, id, kind, status, from_account_id, to_account_id, amount, currency, reference,
    settled_at)
  select p_business, d.id, 'interest', 'posted', case when d.amount < 0 then d.account_id end,
    case when d.amount > 0 then d.account_id end, abs(d.amount), d.currency,
    bank.interest_reference(d.account_id, p_period), now()
  from rows from (unnest(v_accounts, v_ids, v_amounts, v_currencies), unnest(v_outcomes))
    d (account_id, id, amount, currency, refusal, detail)
  where d.refusal is null;
  get diagnostics v_posted = row_count;
  update bank.interest_periods i set tried_at = now(), transfer_id = case when d.refusal is null then d.id end
  from rows from (unnest(v_accounts, v_ids), unnest(v_outcomes)) d (account_id, id, refusal, detail)
  where i.business_id = p_business and i.account_id = d.account_id and i.period = p_period;
  return v_posted;
end $$;
