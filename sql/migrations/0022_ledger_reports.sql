-- What the ledger tells of itself: snapshots of balances, the trial balance, what `verify` proves.

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
