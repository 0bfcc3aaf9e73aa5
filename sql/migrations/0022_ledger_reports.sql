-- What the ledger tells of itself: snapshots of balances, and what `verify` proves.

-- Keeps what accounts had posted before a day began in UTC (p_day; a few minutes ago at the latest, see
-- ledger.move_snapshots), for accounts that follow p_business and p_account in the order of their keys. One is made where
-- at least p_least entries follow the last; entries up to about p_most are summed at once, whatever lies behind comes in
-- the next call. One call at a time: another one is told that it is not its turn. Returns the account to go on after, null
-- when none is left, and how many were made.
--
-- They are made under the locks of the account's balance rows: nothing is posted meanwhile, and what is posted later for an
-- earlier time finds the snapshot there and moves it.
create function ledger.keep_snapshots(p_day date, p_business uuid, p_account uuid, p_accounts int, p_least int, p_most int,
  out is_ours boolean, out business_id uuid, out account_id uuid, out made int) language plpgsql as $$
declare
  v_ends timestamptz := p_day::timestamp at time zone 'UTC';
  v_business uuid[]; v_account uuid[]; v_day date[]; v_rows int; v_is_last boolean;
begin
  made := 0;
  is_ours := pg_try_advisory_xact_lock(hashtextextended('ledger.keep_snapshots', 0));
  if not is_ours then return; end if;
  with page as materialized (
    select a.business_id, a.id, coalesce(s.as_of, '-infinity')::timestamp at time zone 'UTC' as since
    from ledger.accounts a left join lateral (
      select x.as_of from ledger.balance_snapshots x
      where x.business_id = a.business_id and x.account_id = a.id and x.as_of <= p_day order by x.as_of desc limit 1) s on true
    where (a.business_id, a.id) > (p_business, p_account) order by a.business_id, a.id limit p_accounts),
  counted as (
    select p.*, n.*, sum(n.entries) over (order by p.business_id, p.id) - n.entries as before
    from page p cross join lateral (
      select count(*) as entries, max(x.effective_at) as last_at
      from (
        select e.effective_at from ledger.entries e
        where e.business_id = p.business_id and e.account_id = p.id and e.phase in ('single', 'post')
          and e.effective_at >= p.since and e.effective_at < v_ends
        order by e.effective_at limit p_most) x) n)
  select array_agg(c.business_id order by c.business_id, c.id), array_agg(c.id order by c.business_id, c.id),
    array_agg(case when c.entries < p_least then null when c.entries < p_most then p_day
      else least(p_day, (c.last_at at time zone 'UTC')::date + 1) end order by c.business_id, c.id),
    count(*), count(*) = (select count(*) from page) and count(*) < p_accounts
  into v_business, v_account, v_day, v_rows, v_is_last
  from counted c where c.before < p_most;
  perform 1 from ledger.balances b
  where (b.business_id, b.account_id) in (
    select k.business_id, k.account_id from unnest(v_business, v_account, v_day) k (business_id, account_id, day)
    where k.day is not null)
  order by b.business_id, b.account_id, b.shard for no key update;
  insert into ledger.balance_snapshots (business_id, account_id, as_of, posted_debit, posted_credit)
  select k.business_id, k.account_id, k.day, coalesce(s.posted_debit, 0) + n.debit, coalesce(s.posted_credit, 0) + n.credit
  from unnest(v_business, v_account, v_day) k (business_id, account_id, day)
  left join lateral (
    select * from ledger.balance_snapshots x
    where x.business_id = k.business_id and x.account_id = k.account_id and x.as_of < k.day
    order by x.as_of desc limit 1) s on true
  cross join lateral (
    select coalesce(sum(e.amount) filter (where e.side = 'debit'), 0)::bigint as debit,
      coalesce(sum(e.amount) filter (where e.side = 'credit'), 0)::bigint as credit
    from ledger.entries e
    where e.business_id = k.business_id and e.account_id = k.account_id and e.phase in ('single', 'post')
      and e.effective_at >= coalesce(s.as_of, '-infinity')::timestamp at time zone 'UTC'
      and e.effective_at < k.day::timestamp at time zone 'UTC') n
  where k.day is not null on conflict do nothing;
  get diagnostics made = row_count;
  if v_day[v_rows] < p_day then                          -- the last one has more
    business_id := coalesce(v_business[v_rows - 1], p_business);
    account_id := coalesce(v_account[v_rows - 1], p_account);
  elsif not v_is_last then
    business_id := v_business[v_rows]; account_id := v_account[v_rows];
  end if;
end $$;

------------------------------------------------------------------------------------------------------------- verify
-- Each of these says of one business what is the first thing that is broken, in words for a person; null: nothing is.

create function ledger.broken_transaction(p_business uuid) returns text language sql stable as $$
  select coalesce((
    select format('transaction %s has entries of %s debit and %s credit in %s', e.transaction_id,
      sum(e.amount) filter (where e.side = 'debit'), sum(e.amount) filter (where e.side = 'credit'), e.currency)
    from ledger.entries e where e.business_id = p_business group by e.transaction_id, e.currency
    having sum(case e.side when 'debit' then e.amount else -e.amount end) <> 0 order by e.transaction_id limit 1), (
    select format('transaction %s has no entries', t.id) from ledger.transactions t
    where t.business_id = p_business and not exists (
      select from ledger.entries e where e.business_id = p_business and e.transaction_id = t.id) order by t.id limit 1))
$$;

-- Materialized: a plan for the first row alone would look up every transaction by itself, since there is none to be found.
create function ledger.broken_entry(p_business uuid) returns text language sql stable as $$
  with wrong as materialized (
    select e.id, e.account_id, format('entry %s of account %s %s', e.id, e.account_id, case
        when t.id is null then format('names transaction %s, which is not there', e.transaction_id)
        when a.id is null then 'is of an account that is not there'
        when e.currency <> a.currency then format('is in %s, its account in %s', e.currency, a.currency)
        else format('is not of the phase or the time of its transaction %s', t.id) end) as words
    from (select * from ledger.entries where business_id = p_business) e
    left join (select * from ledger.transactions where business_id = p_business) t on t.id = e.transaction_id
    left join (select * from ledger.accounts where business_id = p_business) a on a.id = e.account_id
    where t.id is null or a.id is null or e.currency <> a.currency or e.phase <> t.phase or e.effective_at <> t.effective_at)
  select words from wrong order by account_id, id limit 1
$$;

create function ledger.broken_balance(p_business uuid) returns text language sql stable as $$
  select format('account %s, shard %s, has posted %s/%s and pending %s/%s (debit/credit), its entries say %s/%s and %s/%s',
    coalesce(a.code, account_id::text), shard, b.posted_debit, b.posted_credit, b.pending_debit, b.pending_credit,
    coalesce(r.posted_debit, 0), coalesce(r.posted_credit, 0), coalesce(r.pending_debit, 0), coalesce(r.pending_credit, 0))
  from (select * from ledger.balances where business_id = p_business) b
  full join (select * from ledger.recount where business_id = p_business) r using (account_id, shard)
  left join ledger.accounts a on a.business_id = p_business and a.id = account_id
  where (b.posted_debit, b.posted_credit, b.pending_debit, b.pending_credit) is distinct from
    (coalesce(r.posted_debit, 0), coalesce(r.posted_credit, 0), coalesce(r.pending_debit, 0), coalesce(r.pending_credit, 0))
  order by account_id, shard limit 1
$$;

create function ledger.broken_running_balance(p_business uuid) returns text language sql stable as $$
  select format('entry %s of account %s says that %s was left, it was %s', n.id, n.code, n.balance_after, n.due)
  from (
    select e.id, a.id as account_id, a.code, a.shards, e.phase, e.balance_after,
      sum(case when e.phase not in ('single', 'post') then 0 when e.side = a.normal_side then e.amount else -e.amount end)
        over (partition by e.account_id order by e.id) as due
    from ledger.entries e join ledger.accounts a on a.business_id = p_business and a.id = e.account_id
    where e.business_id = p_business) n
  where n.balance_after is distinct from
    case when n.shards = 1 and n.phase in ('single', 'post') then n.due end
  order by n.account_id, n.id limit 1
$$;

-- An account with a floor or a ceiling has one balance row.
create function ledger.broken_bound(p_business uuid) returns text language sql stable as $$
  select format('account %s has %s available and %s posted, which its overdraft limit (%s) or its ceiling (%s) forbids, or '
    'is %s and does not say so to who posts', a.code, n.available, n.posted, b.overdraft_limit, b.max_balance, a.status)
  from ledger.balances b
  join ledger.accounts a on a.business_id = p_business and a.id = b.account_id
  cross join lateral (
    select case a.normal_side when 'credit' then b.posted_credit - b.posted_debit else b.posted_debit - b.posted_credit end
        as posted,
      case a.normal_side when 'credit' then b.posted_credit - b.posted_debit - b.pending_debit
        else b.posted_debit - b.posted_credit - b.pending_credit end as available) n
  where b.business_id = p_business and (n.available < -b.overdraft_limit or n.posted > b.max_balance
    or b.is_open <> (a.status = 'open'))
  order by b.account_id, b.shard limit 1
$$;

-- What can be said without the entries, again and again while money moves.
create function ledger.broken_sum(p_business uuid) returns text language sql stable as $$
  select coalesce((
    select format('balances in %s have posted %s debit and %s credit, pending %s and %s', a.currency, sum(b.posted_debit),
      sum(b.posted_credit), sum(b.pending_debit), sum(b.pending_credit))
    from ledger.balances b join ledger.accounts a on a.business_id = p_business and a.id = b.account_id
    where b.business_id = p_business group by a.currency
    having sum(b.posted_debit) <> sum(b.posted_credit) or sum(b.pending_debit) <> sum(b.pending_credit)
    order by a.currency limit 1), ledger.broken_bound(p_business))
$$;

-- What ends a hold ends it once, with the accounts that it held money of, and with no more; what reverses mirrors.
create function ledger.broken_link(p_business uuid) returns text language sql stable as $$
  select format('transaction %s %s', x.id, case
      when x.reverses_id is not null then format('is not the mirror of %s, or not the only one', x.reverses_id)
      else format('does not end the hold %s as it was, or is not the only one that does', x.pending_id) end)
  from ledger.transactions x
  join ledger.transactions t on t.business_id = p_business and t.id = coalesce(x.pending_id, x.reverses_id)
  where x.business_id = p_business and (
    case when x.reverses_id is null then t.phase <> 'pending'
      else t.phase not in ('single', 'post') or t.reverses_id is not null end
    or exists (
      select from ledger.transactions y
      where y.business_id = p_business and y.id <> x.id
        and (y.pending_id = x.pending_id or y.reverses_id = x.reverses_id))
    or exists (
      select from (
        select e.account_id, e.side, sum(e.amount) as amount from ledger.entries e
        where e.business_id = p_business and e.transaction_id = x.id group by 1, 2) n
      full join (
        select e.account_id, case when x.reverses_id is null then e.side
          when e.side = 'debit' then 'credit'::ledger.side else 'debit' end as side, sum(e.amount) as amount
        from ledger.entries e where e.business_id = p_business and e.transaction_id = t.id group by 1, 2) o
        using (account_id, side)
      where case when x.phase = 'post' then coalesce(n.amount, 0) > coalesce(o.amount, 0)
        else n.amount is distinct from o.amount end))
  order by x.id limit 1
$$;

create function ledger.broken_snapshot(p_business uuid) returns text language sql stable as $$
  select format('the snapshot of account %s before %s says %s/%s (debit/credit), it should say %s/%s', s.account_id, s.as_of,
    s.posted_debit, s.posted_credit, coalesce(s.former_debit, 0) + e.debit, coalesce(s.former_credit, 0) + e.credit)
  from (
    select x.*, lag(x.posted_debit) over w as former_debit, lag(x.posted_credit) over w as former_credit,
      lag(x.as_of) over w as since
    from ledger.balance_snapshots x where x.business_id = p_business window w as (partition by x.account_id order by x.as_of)) s
  cross join lateral (
    select coalesce(sum(x.amount) filter (where x.side = 'debit'), 0) as debit,
      coalesce(sum(x.amount) filter (where x.side = 'credit'), 0) as credit
    from ledger.entries x
    where x.business_id = p_business and x.account_id = s.account_id and x.phase in ('single', 'post')
      and x.effective_at >= coalesce(s.since, '-infinity')::timestamp at time zone 'UTC'
      and x.effective_at < s.as_of::timestamp at time zone 'UTC') e
  where (s.posted_debit, s.posted_credit) <>
    (coalesce(s.former_debit, 0) + e.debit, coalesce(s.former_credit, 0) + e.credit)
  order by s.account_id, s.as_of limit 1
$$;

-- The first thing of each part that is broken in a business; no row: everything holds.
create function ledger.verify(p_business uuid) returns table (part text, broken text) language sql stable as $$
  select c.part, c.broken
  from (values ('transactions', ledger.broken_transaction(p_business)), ('entries', ledger.broken_entry(p_business)),
    ('balances', ledger.broken_balance(p_business)), ('running balances', ledger.broken_running_balance(p_business)),
    ('bounds', ledger.broken_bound(p_business)), ('links', ledger.broken_link(p_business)),
    ('snapshots', ledger.broken_snapshot(p_business))) c (part, broken)
  where c.broken is not null
$$;

-- The bank's own rows say what the ledger does: accounts, transfers, wires.
create function bank.broken_account(p_business uuid) returns text language sql stable as $$
  select format('account %s %s', coalesce(b.id, a.id), case
      when b.id is null then 'of the ledger belongs to no account of the bank'
      when a.id is null then 'is not in the ledger'
      else format('is %s in %s with overdraft limit %s, in the ledger %s in %s with %s', b.status, b.currency,
        b.overdraft_limit, a.status, a.currency, l.overdraft_limit) end)
  from (select * from bank.accounts where business_id = p_business) b
  full join (select * from ledger.accounts where business_id = p_business and owner_type = 'bank.account') a on a.id = b.id
  left join ledger.balances l on l.business_id = p_business and l.account_id = a.id
  where (b.id, b.currency, b.overdraft_limit, bank.ledger_status(b.status))
    is distinct from (a.id, a.currency, l.overdraft_limit, a.status)
  order by 1 limit 1
$$;

-- What a transfer says of itself, and what moved: of a wire its hold and the end of that.
create function bank.broken_transfer(p_business uuid) returns text language sql stable as $$
  with told as (
    select t.*, x.phase, r.phase as ended, w.status as wire_status, (
        select coalesce(sum(e.amount), 0) from ledger.entries e where e.business_id = p_business and e.transaction_id = t.id
          and e.account_id = t.from_account_id and e.side = 'debit') as taken, (
        select coalesce(sum(e.amount), 0) from ledger.entries e where e.business_id = p_business and e.transaction_id = t.id
          and e.account_id = t.to_account_id and e.side = 'credit') as given,
      exists (select from ledger.transactions v where v.business_id = p_business and v.id = t.reversed_by_id
        and (v.reverses_id = t.id or v.source_id = t.id)) as is_undone
    from bank.transfers t
    left join ledger.transactions x on x.business_id = p_business and x.id = t.id
    left join ledger.transactions r on r.business_id = p_business and r.pending_id = t.id
    left join bank.wire_transfers w on w.business_id = p_business and w.transfer_id = t.id
    where t.business_id = p_business)
  select coalesce((
    select format('transfer %s is %s (%s) of %s and a fee of %s; the ledger has it as %s, ended by %s, with %s taken and %s given',
      t.id, t.status, coalesce(t.wire_status::text, t.kind::text), t.amount, t.fee, coalesce(t.phase::text, 'nothing'),
      coalesce(t.ended::text, 'nothing'), t.taken, t.given)
    from told t
    where t.from_account_id is not null and t.taken <> t.amount + t.fee
      or t.to_account_id is not null and t.given <> t.amount
      or t.status = 'reversed' and not t.is_undone
      or case when t.kind = 'wire' then (t.phase, t.ended, t.wire_status is not null) is distinct from ('pending',
          case when t.status in ('posted', 'reversed') then 'post' when t.status in ('failed', 'cancelled') then 'void' end
            ::ledger.phase, true)
          or t.status <> case t.wire_status when 'completed' then 'posted' when 'rejected' then 'failed'
            when 'cancelled' then 'cancelled' when 'returned' then 'reversed' else 'pending' end::bank.transfer_status
        else t.phase is distinct from 'single' or t.status not in ('posted', 'reversed') end
    order by t.id limit 1), (
    select format('transaction %s (%s) is of the bank, and no transfer tells of it', x.id, x.kind)
    from ledger.transactions x
    where x.business_id = p_business and x.phase in ('single', 'pending') and x.source_id is null and x.reverses_id is null
      and x.kind in (select 'bank.' || k from unnest(enum_range(null::bank.transfer_kind)) k)
      and not exists (select from bank.transfers t where t.business_id = p_business and t.id = x.id)
    order by x.id limit 1))
$$;

create function bank.verify(p_business uuid) returns table (part text, broken text) language sql stable as $$
  select c.part, c.broken
  from (values ('accounts', bank.broken_account(p_business)), ('transfers', bank.broken_transfer(p_business))) c (part, broken)
  where c.broken is not null
$$;
