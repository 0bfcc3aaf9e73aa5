-- The ledger: double entry, immutable. Every amount that any module shows as money comes from here.
--
-- An account has a balance row, or one a shard; a transaction has entries, which are never changed. A transaction is posted
-- at once (single), or holds money (pending) until one other transaction posts, voids or expires it. All of it is written by
-- the functions of 0011 alone. They lock the balance rows first and look at everything else afterwards, so what is the
-- same for all rows of a call is proven there once, and not by a foreign key for every entry: entries name their
-- transaction and account without one, and `verify` proves that each of them is there.
create schema ledger;

create type ledger.account_kind as enum ('asset', 'liability', 'income', 'expense', 'equity');
create type ledger.side as enum ('debit', 'credit');
create type ledger.account_status as enum ('open', 'frozen', 'closed');
create type ledger.phase as enum ('single', 'pending', 'post', 'void', 'expire');

create table ledger.accounts (
  business_id uuid not null constraint ledger_accounts_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  -- what it is for: cash:vault, bank:account:<id>, agent:<id>:cash
  code text collate "C" not null constraint ledger_accounts_code_ck
    check (code ~ '^[a-z0-9_]+(:[a-z0-9_-]+)*$' and length(code) <= 120),
  kind ledger.account_kind not null,
  normal_side ledger.side not null generated always as
    (case when kind in ('asset', 'expense') then 'debit'::ledger.side else 'credit'::ledger.side end) stored,
  currency char(3) not null constraint ledger_accounts_currency_fk references core.currencies,
  owner_type text, owner_id uuid,                        -- the record of a module that it belongs to
  status ledger.account_status not null default 'open',
  -- balance rows of an account that everybody posts to; each connection keeps to one of them
  shards smallint not null default 1 constraint ledger_accounts_shards_ck check (shards between 1 and 64),
  version int not null default 1,
  constraint ledger_accounts_pk primary key (business_id, id),
  constraint ledger_accounts_code_uq unique (business_id, code)
);
select core.keep_record('ledger.accounts');
select core.keep_audit('ledger.accounts', 'ledger_account');
create index lacc_owner_ix on ledger.accounts (business_id, owner_type, owner_id) where owner_id is not null;

create table ledger.balances (
  business_id uuid not null, account_id uuid not null, shard smallint not null default 0,
  normal_side ledger.side not null,
  posted_debit bigint not null default 0, posted_credit bigint not null default 0,
  pending_debit bigint not null default 0, pending_credit bigint not null default 0,
  overdraft_limit bigint                                 -- null: any (the house's own accounts)
    constraint balances_overdraft_ck check (overdraft_limit >= 0),
  max_balance bigint                                     -- a ceiling, such as the cash an agent may hold; null: none
    constraint balances_max_ck check (max_balance > 0),
  -- whether its account is: kept here, where whoever posts reads it under the lock
  is_open boolean not null default true,
  version bigint not null default 0,                     -- transactions that moved it
  -- what its account has used of its limits: in the day, the month and the day of wires, by the business's calendar, in
  -- which it paid last. Windows only move on: who pays for an earlier one is counted in the present one
  day date not null default '-infinity', day_used bigint not null default 0,
  month date not null default '-infinity', month_used bigint not null default 0,
  wire_day date not null default '-infinity', wire_day_used bigint not null default 0,
  updated_at timestamptz not null default now(),
  constraint balances_pk primary key (business_id, account_id, shard),
  constraint balances_account_fk foreign key (business_id, account_id) references ledger.accounts,
  -- below 2^57, so that no sum over shards, or over what one call adds, passes a bigint
  constraint balances_range_ck check (least(posted_debit, posted_credit, pending_debit, pending_credit) >= 0
    and greatest(posted_debit, posted_credit, pending_debit, pending_credit) < 144115188075855872),
  constraint balances_used_ck check (least(day_used, month_used, wire_day_used) >= 0),
  -- a bound over several rows could not be held by one of them
  constraint balances_shard_ck check (shard = 0 or (overdraft_limit is null and max_balance is null)),
  constraint balance_ceiling check (max_balance is null or case normal_side
    when 'debit' then posted_debit - posted_credit else posted_credit - posted_debit end <= max_balance),
  -- the database itself refuses an overdraft: pending outflows count, pending inflows do not
  constraint insufficient_funds check (overdraft_limit is null or case normal_side
    when 'credit' then posted_credit - posted_debit - pending_debit
    else posted_debit - posted_credit - pending_credit end >= -overdraft_limit)
) with (fillfactor = 50);

-- Changing the state of an account takes the locks of its balances, so nothing is posted to it after that was answered.
create function ledger.keep_open() returns trigger language plpgsql as $$
begin
  perform 1 from ledger.balances b where b.business_id = new.business_id and b.account_id = new.id
  order by b.shard for no key update;
  update ledger.balances b set is_open = new.status = 'open' where b.business_id = new.business_id and b.account_id = new.id;
  return null;
end $$;
create trigger keep_open after update of status on ledger.accounts for each row when (old.status is distinct from new.status)
execute function ledger.keep_open();

-- An account that is made in another state than open has its balances after itself.
create function ledger.begin_open() returns trigger language plpgsql as $$
begin
  new.is_open := (
    select a.status = 'open' from ledger.accounts a where a.business_id = new.business_id and a.id = new.account_id);
  return new;
end $$;
create trigger begin_open before insert on ledger.balances for each row
when (current_setting('app.import', true) is distinct from 'on') execute function ledger.begin_open();

create table ledger.transactions (
  business_id uuid not null, id uuid not null,           -- UUIDv7: pages go by it
  phase ledger.phase not null,
  kind text not null constraint transactions_kind_ck check (kind ~ '^[a-z_]+(\.[a-z_]+)*$'),   -- bank.transfer, bank.fee
  pending_id uuid, reverses_id uuid,
  reference text constraint transactions_reference_ck check (length(reference) between 1 and 200),
  -- the record of a module that it belongs to; a record of the same id needs no words
  source_type text, source_id uuid,
  description text constraint transactions_description_ck check (length(description) <= 500),
  metadata jsonb not null default '{}' constraint transactions_metadata_ck check (jsonb_typeof(metadata) = 'object'),
  effective_at timestamptz not null, posted_at timestamptz not null, expires_at timestamptz, created_by uuid,
  constraint transactions_pk primary key (business_id, id),
  constraint transactions_pending_fk foreign key (business_id, pending_id) references ledger.transactions,
  constraint transactions_reverses_fk foreign key (business_id, reverses_id) references ledger.transactions,
  constraint transactions_phase_ck check ((phase in ('post', 'void', 'expire')) = (pending_id is not null)),
  constraint transactions_expires_ck check (expires_at is null or phase = 'pending')
);
create unique index ltx_reference_uq on ledger.transactions (business_id, reference) where reference is not null;
create unique index ltx_resolved_once_uq on ledger.transactions (business_id, pending_id) where pending_id is not null;
create unique index ltx_reversed_once_uq on ledger.transactions (business_id, reverses_id) where reverses_id is not null;
create index ltx_source_ix on ledger.transactions (business_id, source_type, source_id) where source_id is not null;
create index ltx_expiring_ix on ledger.transactions (expires_at) where expires_at is not null;
select core.keep_append_only('ledger.transactions');

create table ledger.entries (
  business_id uuid not null, account_id uuid not null,
  -- of one account: in the order in which its balance moved
  id bigint not null generated always as identity,
  transaction_id uuid not null,
  shard smallint not null, side ledger.side not null,
  amount bigint not null constraint entries_amount_ck check (amount > 0),
  currency char(3) not null, phase ledger.phase not null, effective_at timestamptz not null,
  balance_after bigint,                                  -- posted, in the normal sense; null where sharded, and for holds
  constraint entries_pk primary key (business_id, account_id, id)
);
create index lent_asof_ix on ledger.entries (business_id, account_id, effective_at, id) include (side, amount)
  where phase in ('single', 'post');
create index lent_tx_ix on ledger.entries (business_id, transaction_id);
select core.keep_append_only('ledger.entries');

-- What an account has posted by entries effective before a day began in UTC; kept nightly, and moved by entries that
-- come later and are effective before it.
create table ledger.balance_snapshots (
  business_id uuid not null, account_id uuid not null, as_of date not null,
  posted_debit bigint not null, posted_credit bigint not null,
  constraint balance_snapshots_pk primary key (business_id, account_id, as_of),
  constraint balance_snapshots_account_fk foreign key (business_id, account_id) references ledger.accounts
);

-- How much of its limits an account has used in the windows that it paid in last.
create view ledger.limit_usage as
select b.business_id, b.account_id, w.window_kind, w.window_start, w.used
from ledger.balances b
cross join lateral (values ('day', b.day, b.day_used), ('month', b.month, b.month_used),
  ('wire_day', b.wire_day, b.wire_day_used)) w (window_kind, window_start, used)
where b.shard = 0 and w.window_start > '-infinity';

-- Gives back what was used of an account's limits on a day; of windows that have passed there is nothing to give back.
create function ledger.release_limits(p_business uuid, p_account uuid, p_day date, p_amount bigint, p_is_wire boolean)
returns void language sql volatile as $$
  update ledger.balances b set
    day_used = case when b.day = p_day then greatest(b.day_used - p_amount, 0) else b.day_used end,
    month_used = case when b.month = date_trunc('month', p_day)::date then greatest(b.month_used - p_amount, 0)
      else b.month_used end,
    wire_day_used = case when p_is_wire and b.wire_day = p_day then greatest(b.wire_day_used - p_amount, 0)
      else b.wire_day_used end
  where b.business_id = p_business and b.account_id = p_account and b.shard = 0
$$;

-- An account as a whole, over its shards, in its normal sense.
create view ledger.account_balances as
select a.business_id, a.id, a.code, a.kind, a.currency, a.normal_side, a.status,
  sum(case a.normal_side when 'credit' then b.posted_credit - b.posted_debit
    else b.posted_debit - b.posted_credit end)::bigint as posted,
  sum(case a.normal_side when 'credit' then b.posted_credit + b.pending_credit - b.posted_debit - b.pending_debit
    else b.posted_debit + b.pending_debit - b.posted_credit - b.pending_credit end)::bigint as pending,
  sum(case a.normal_side when 'credit' then b.posted_credit - b.posted_debit - b.pending_debit
    else b.posted_debit - b.posted_credit - b.pending_credit end)::bigint as available,
  sum(b.posted_debit)::bigint as posted_debit, sum(b.posted_credit)::bigint as posted_credit,
  max(b.overdraft_limit) as overdraft_limit, sum(b.version)::bigint as version, max(b.updated_at) as updated_at
from ledger.accounts a join ledger.balances b on b.business_id = a.business_id and b.account_id = a.id
group by a.business_id, a.id;

-- What the entries alone say: what `verify` compares ledger.balances with.
create view ledger.recount as
select e.business_id, e.account_id, e.shard,
  coalesce(sum(e.amount) filter (where e.side = 'debit' and e.phase in ('single', 'post')), 0)::bigint as posted_debit,
  coalesce(sum(e.amount) filter (where e.side = 'credit' and e.phase in ('single', 'post')), 0)::bigint as posted_credit,
  coalesce(sum(e.amount) filter (where e.side = 'debit' and e.phase = 'pending' and x.id is null), 0)::bigint
    as pending_debit,
  coalesce(sum(e.amount) filter (where e.side = 'credit' and e.phase = 'pending' and x.id is null), 0)::bigint
    as pending_credit
from ledger.entries e
left join ledger.transactions x on e.phase = 'pending' and x.business_id = e.business_id and x.pending_id = e.transaction_id
group by e.business_id, e.account_id, e.shard;

-- What an account had posted at an instant, that instant included, in its normal sense: the last snapshot before it and
-- the entries effective after that. Null: no such account. Until just before midnight: p_at - interval '1 microsecond'.
create function ledger.balance_as_of(p_business uuid, p_account uuid, p_at timestamptz) returns bigint
language sql stable parallel safe as $$
  select case when a.normal_side = 'credit' then n.net else -n.net end
  from ledger.accounts a
  left join lateral (
    select s.posted_credit - s.posted_debit as net, s.as_of::timestamp at time zone 'UTC' as at
    from ledger.balance_snapshots s
    where s.business_id = a.business_id and s.account_id = a.id and s.as_of <= (p_at at time zone 'UTC')::date
    order by s.as_of desc limit 1) k on true
  cross join lateral (
    select (coalesce(k.net, 0)
      + coalesce(sum(case e.side when 'credit' then e.amount else -e.amount end), 0))::bigint as net
    from ledger.entries e
    where e.business_id = a.business_id and e.account_id = a.id and e.phase in ('single', 'post')
      and e.effective_at >= coalesce(k.at, '-infinity') and e.effective_at <= p_at) n
  where a.business_id = p_business and a.id = p_account
$$;
