-- How money is posted. ledger.post_batch is the one place where a new transaction moves balances; what posts, voids or
-- expires a hold is in ledger.resolve.

create type ledger.posting as (
  business_id uuid, id uuid, phase ledger.phase, kind text, reference text, source_type text, source_id uuid,
  description text, metadata jsonb, effective_at timestamptz, expires_at timestamptz, created_by uuid, reverses_id uuid);
-- `posting` is a place in the array of postings, from 1. effective_at null: now.
create type ledger.leg as (posting int, account_id uuid, side ledger.side, amount bigint);
-- What a posting uses of a limit of an account that it moves: refused when `used` would pass `cap`.
create type ledger.limit_use as (
  posting int, account_id uuid, window_kind text, window_start date, amount bigint, cap bigint);
-- Null: posted. Otherwise why not, and what the caller may be told of it.
create type ledger.outcome as (refusal text, detail jsonb);

-- A leg with the balance row that it moves: `place` is that row's number in the order in which rows are locked (null for an
-- account that is not there), `delta` how it moves it in the account's normal sense.
create type ledger.placed_leg as (
  posting int, business_id uuid, account_id uuid, shard smallint, side ledger.side, amount bigint, currency char(3),
  delta bigint, place int, is_sharded boolean);

create function ledger.place_legs(p_postings ledger.posting[], p_legs ledger.leg[]) returns ledger.placed_leg[]
language plpgsql stable as $$ begin return (
  select array_agg(row(g.posting, g.business_id, g.account_id, g.shard, g.side, g.amount, g.currency,
    case when g.side = g.normal_side then g.amount else -g.amount end, g.place, g.shards > 1)::ledger.placed_leg
    order by g.posting, g.ord)
  from (
    select s.*, case when s.currency is not null then dense_rank() over
      (partition by s.currency is null order by s.business_id, s.account_id, s.shard) end::int as place
    from (
      -- a connection keeps to its shard, so that batches of several connections do not wait for each other
      select l.ord, l.posting, p.business_id, l.account_id, l.side, l.amount, a.currency, a.normal_side, a.shards,
        case when a.shards > 1 then pg_backend_pid() % a.shards else 0 end::smallint as shard
      from unnest(p_legs) with ordinality l (posting, account_id, side, amount, ord)
      join unnest(p_postings) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, n) on p.n = l.posting
      left join ledger.accounts a on a.business_id = p.business_id and a.id = l.account_id) s) g
); end $$;

-- What can be refused without looking at a balance: by posting, null where nothing is wrong.
create function ledger.refuse_unsound(p_count int, p_legs ledger.placed_leg[]) returns text[]
language plpgsql stable as $$ begin return (
  select array_agg(case
      when s.legs is null or s.legs < 2 then 'unbalanced'
      when s.is_unknown then 'account_not_found'
      when s.is_wrong then 'amount_positive'
      when s.is_unbalanced then 'unbalanced' end order by n.n)
  from generate_series(1, p_count) n (n)
  left join (
    select c.posting, sum(c.legs) as legs, bool_or(c.is_unknown) as is_unknown, bool_or(c.is_wrong) as is_wrong,
      bool_or(c.net <> 0) as is_unbalanced
    from (
      select l.posting, count(*) as legs, bool_or(l.place is null) as is_unknown,
        bool_or(l.amount is null or l.amount <= 0) as is_wrong,
        sum(case l.side when 'debit' then l.amount else -l.amount end) as net
      from unnest(p_legs) l group by l.posting, l.currency) c
    group by c.posting) s on s.posting = n.n
); end $$;

-- What bounds a posting: balance rows, by place, and after them whatever can be used up: the window of a limit has `cap`
-- less what was used, a reference and the reversal of a transaction are there once. `refusal` is what is said below least.
create type ledger.bound as (
  status ledger.account_status, posted bigint, available bigint, least_available bigint, most_posted bigint,
  refusal text, window_kind text, cap bigint);

create function ledger.load_bounds(p_legs ledger.placed_leg[]) returns ledger.bound[]
language plpgsql stable as $$ begin return (
  select array_agg(row(a.status,
    case b.normal_side when 'credit' then b.posted_credit - b.posted_debit else b.posted_debit - b.posted_credit end,
    case b.normal_side when 'credit' then b.posted_credit - b.posted_debit - b.pending_debit
      else b.posted_debit - b.posted_credit - b.pending_credit end,
    -b.overdraft_limit, b.max_balance, 'insufficient_funds', null, null)::ledger.bound order by k.place)
  from (select distinct l.place, l.business_id, l.account_id, l.shard from unnest(p_legs) l where l.place is not null) k
  left join ledger.balances b on b.business_id = k.business_id and b.account_id = k.account_id and b.shard = k.shard
  left join ledger.accounts a on a.business_id = k.business_id and a.id = k.account_id
); end $$;

-- What a posting uses up, and its number (`place`) among all such things of the batch. Amount and cap of what is there
-- once are 1. `key` is the account, the reference, or the transaction to reverse.
create type ledger.placed_use as (
  posting int, business_id uuid, refusal text, key text, window_kind text, window_start date, amount bigint, cap bigint,
  place int);

create function ledger.place_uses(p_postings ledger.posting[], p_limits ledger.limit_use[]) returns ledger.placed_use[]
language plpgsql stable as $$ begin return (
  with posting as (
    select * from unnest(p_postings) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, n)),
  used as (
    select u.posting, p.business_id, 'limit_exceeded' as refusal, u.account_id::text as key, u.window_kind, u.window_start,
      u.amount, u.cap
    from unnest(p_limits) u join posting p on p.n = u.posting
    union all
    select p.n, p.business_id, c.refusal, c.key, null, null, 1, 1
    from posting p cross join lateral (values ('reference_exists', p.reference), ('already_reversed', p.reverses_id::text))
      c (refusal, key) where c.key is not null)
  select array_agg(row(u.posting, u.business_id, u.refusal, u.key, u.window_kind, u.window_start, u.amount, u.cap, u.place)
    ::ledger.placed_use order by u.posting, u.place)
  from (select *, dense_rank() over (order by business_id, refusal, key, window_kind, window_start)::int as place from used) u
); end $$;

create function ledger.load_uses(p_uses ledger.placed_use[]) returns ledger.bound[]
language plpgsql stable as $$ begin return (
  select array_agg(row('open', null, k.cap - case k.refusal
      when 'limit_exceeded' then coalesce((
        select l.used from ledger.limit_usage l where l.business_id = k.business_id and l.account_id = k.key::uuid
          and l.window_kind = k.window_kind and l.window_start = k.window_start), 0)
      when 'reference_exists' then (
        select count(*) from ledger.transactions t where t.business_id = k.business_id and t.reference = k.key)
      else (
        select count(*) from ledger.transactions t where t.business_id = k.business_id and t.reverses_id = k.key::uuid)
    end, 0, null, k.refusal, k.window_kind, k.cap)::ledger.bound order by k.place)
  from (select distinct on (u.place) u.* from unnest(p_uses) u order by u.place) k
); end $$;

-- Posts what can be posted and tells of each posting, in order, why not. Postings are judged one after the other, each on
-- what those before it left, as if it had come alone; one that is refused leaves nothing behind and hinders nobody.
-- Phases: single and pending.
-- Refusals: unbalanced, account_not_found, amount_positive, account_not_open, insufficient_funds, balance_ceiling,
-- limit_exceeded {window, limit, used}, reference_exists, already_reversed.
--
-- Locks: references, then the balance rows of all postings, each in one order, so that two calls cannot deadlock. What
-- decides over an account (its state, what it used of its limits) is looked at under the lock of its balance alone; in a
-- function that may write, each statement sees what was committed before it began.
create function ledger.post_batch(p_postings ledger.posting[], p_legs ledger.leg[],
  p_limits ledger.limit_use[] default '{}') returns ledger.outcome[] language plpgsql as $$
declare
  v_count int := cardinality(p_postings);
  v_legs ledger.placed_leg[] := ledger.place_legs(p_postings, p_legs);
  v_uses ledger.placed_use[] := ledger.place_uses(p_postings, p_limits);
  v_refusals text[] := ledger.refuse_unsound(v_count, v_legs);
  v_details jsonb[]; v_after bigint[];
begin
  perform pg_advisory_xact_lock(h.hash)
  from (select distinct hashtextextended('ledger.reference/' || p.business_id || '/' || p.reference, 0) as hash
        from unnest(p_postings) p where p.reference is not null order by 1) h;
  perform 1 from ledger.balances b
  where (b.business_id, b.account_id, b.shard) in (
    select l.business_id, l.account_id, l.shard from unnest(v_legs) l where l.place is not null)
  order by b.business_id, b.account_id, b.shard for no key update;
  select j.refusals, j.details, j.after into v_refusals, v_details, v_after
  from ledger.judge(p_postings, v_legs, v_uses, v_refusals) j;
  if array_position(v_refusals, null) is not null then
    perform ledger.write_batch(p_postings, v_legs, v_uses, v_refusals, v_after);
  end if;
  return (select array_agg(row(r.refusal, r.detail)::ledger.outcome order by r.n)
    from rows from (unnest(v_refusals), unnest(v_details)) with ordinality r (refusal, detail, n));
end $$;

-- The running sums. `after` is the balance after each leg, where its account keeps one. What it needs lies in arrays of
-- plain values: a step of the loop is a few array reads, and there are some ten thousand steps a second.
create function ledger.judge(p_postings ledger.posting[], p_legs ledger.placed_leg[], p_uses ledger.placed_use[],
  inout refusals text[], out details jsonb[], out after bigint[]) language plpgsql stable as $$
declare
  v_single boolean[] := (select array_agg(p.phase = 'single') from unnest(p_postings) p);
  v_rows int := (select coalesce(max(l.place), 0) from unnest(p_legs) l);
  v_posting int[]; v_place int[]; v_delta bigint[]; v_leg int[];
  v_open boolean[]; v_posted bigint[]; v_available bigint[]; v_least bigint[]; v_most bigint[];
  v_name text[]; v_window text[]; v_cap bigint[];
  v_count int; v_next int := 1; v_first int; v_kept int; v_at int; v_refusal text;
begin
  details := array_fill(null::jsonb, array[cardinality(p_postings)]);
  after := array_fill(null::bigint, array[greatest(cardinality(p_legs), 1)]);
  -- legs and uses in one row: a use takes from its window
  select array_agg(m.posting), array_agg(m.place), array_agg(m.delta), array_agg(m.leg), count(*)
  into v_posting, v_place, v_delta, v_leg, v_count
  from (
    select l.posting, l.place, l.delta, case when not l.is_sharded then l.n end as leg, 0 as rank, l.n
    from unnest(p_legs) with ordinality
      l (posting, business_id, account_id, shard, side, amount, currency, delta, place, is_sharded, n)
    union all
    -- what is there once comes first: who repeats a request hears that, not that the money is gone
    select u.posting, v_rows + u.place, -u.amount, null, case when u.window_kind is null then -1 else 1 end, u.place
    from unnest(p_uses) u
    order by 1, 5, 6) m;
  select array_agg(b.status = 'open'), array_agg(b.posted), array_agg(b.available), array_agg(b.least_available),
    array_agg(b.most_posted), array_agg(b.refusal), array_agg(b.window_kind), array_agg(b.cap)
  into v_open, v_posted, v_available, v_least, v_most, v_name, v_window, v_cap
  from unnest(ledger.load_bounds(p_legs) || ledger.load_uses(p_uses)) b;
  for i in 1 .. cardinality(p_postings) loop
    v_refusal := refusals[i]; v_first := v_next; v_kept := v_next - 1;
    while v_next <= v_count and v_posting[v_next] = i loop
      if v_refusal is null then
        v_at := v_place[v_next];
        if not v_open[v_at] then v_refusal := 'account_not_open'; end if;
        if v_single[i] then v_posted[v_at] := v_posted[v_at] + v_delta[v_next]; end if;
        if v_single[i] or v_delta[v_next] < 0 then v_available[v_at] := v_available[v_at] + v_delta[v_next]; end if;
        if v_single[i] and v_leg[v_next] is not null then after[v_leg[v_next]] := v_posted[v_at]; end if;
        v_kept := v_next;
      end if;
      v_next := v_next + 1;
    end loop;
    -- the net effect is what counts: money may pass through an account that has none
    for k in v_first .. v_kept loop
      exit when v_refusal is not null;
      v_at := v_place[k];
      if v_available[v_at] < v_least[v_at] then
        v_refusal := v_name[v_at];
        if v_window[v_at] is not null then
          details[i] := jsonb_build_object('window', v_window[v_at], 'limit', v_cap[v_at],
            'used', v_cap[v_at] - v_available[v_at] + v_delta[k]);
        end if;
      elsif v_posted[v_at] > v_most[v_at] then v_refusal := 'balance_ceiling'; end if;
    end loop;
    continue when v_refusal is null;
    refusals[i] := v_refusal;
    for k in v_first .. v_kept loop
      v_at := v_place[k];
      if v_single[i] then v_posted[v_at] := v_posted[v_at] - v_delta[k]; end if;
      if v_single[i] or v_delta[k] < 0 then v_available[v_at] := v_available[v_at] - v_delta[k]; end if;
      if v_leg[k] is not null then after[v_leg[k]] := null; end if;
    end loop;
  end loop;
end $$;

-- Writes what was not refused: one update a balance row, however many transactions move it.
create function ledger.write_batch(p_postings ledger.posting[], p_legs ledger.placed_leg[], p_uses ledger.placed_use[],
  p_refusals text[], p_after bigint[]) returns void language plpgsql as $$
declare
  -- after the locks, so that it grows with the entries of an account
  v_at timestamptz := clock_timestamp(); v_moved int; v_due int;
begin
  with good as (
    select l.business_id, l.account_id, l.shard, l.side, l.amount, p.phase, l.posting
    from unnest(p_legs) l
    join rows from (unnest(p_postings), unnest(p_refusals)) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, refusal, n) on p.n = l.posting
    where p.refusal is null),
  moved as (
    update ledger.balances b set
      posted_debit = b.posted_debit + s.posted_debit, posted_credit = b.posted_credit + s.posted_credit,
      pending_debit = b.pending_debit + s.pending_debit, pending_credit = b.pending_credit + s.pending_credit,
      version = b.version + s.postings, updated_at = v_at
    from (
      select g.business_id, g.account_id, g.shard, count(distinct g.posting) as postings,
        coalesce(sum(g.amount) filter (where g.phase = 'single' and g.side = 'debit'), 0) as posted_debit,
        coalesce(sum(g.amount) filter (where g.phase = 'single' and g.side = 'credit'), 0) as posted_credit,
        coalesce(sum(g.amount) filter (where g.phase = 'pending' and g.side = 'debit'), 0) as pending_debit,
        coalesce(sum(g.amount) filter (where g.phase = 'pending' and g.side = 'credit'), 0) as pending_credit
      from good g group by g.business_id, g.account_id, g.shard) s
    where b.business_id = s.business_id and b.account_id = s.account_id and b.shard = s.shard
    returning 1)
  select (select count(*) from moved), (select count(distinct (g.account_id, g.shard)) from good g) into v_moved, v_due;
  if v_moved <> v_due then raise exception 'a balance row is missing'; end if;
  insert into ledger.transactions (business_id, id, phase, kind, reference, source_type, source_id, description, metadata,
    effective_at, posted_at, expires_at, created_by, reverses_id)
  select p.business_id, p.id, p.phase, p.kind, p.reference, p.source_type, p.source_id, p.description,
    coalesce(p.metadata, '{}'), coalesce(p.effective_at, v_at), v_at, p.expires_at, p.created_by, p.reverses_id
  from rows from (unnest(p_postings), unnest(p_refusals)) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, refusal, n)
  where p.refusal is null order by p.n;
  insert into ledger.entries (business_id, account_id, transaction_id, shard, side, amount, currency, phase, effective_at,
    balance_after)
  select l.business_id, l.account_id, p.id, l.shard, l.side, l.amount, l.currency, p.phase,
    coalesce(p.effective_at, v_at), l.after
  from rows from (unnest(p_legs), unnest(p_after)) with ordinality
    l (posting, business_id, account_id, shard, side, amount, currency, delta, place, is_sharded, after, n)
  join rows from (unnest(p_postings), unnest(p_refusals)) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, refusal, n) on p.n = l.posting
  where p.refusal is null order by l.n;
  if p_uses is not null then perform ledger.write_uses(p_uses, p_refusals); end if;
  perform ledger.move_snapshots(p_postings, p_legs, p_refusals, v_at);
end $$;

create function ledger.write_uses(p_uses ledger.placed_use[], p_refusals text[]) returns void
language plpgsql as $$ begin
  insert into ledger.limit_usage as l (business_id, account_id, window_kind, window_start, used)
  select u.business_id, u.key::uuid, u.window_kind, u.window_start, sum(u.amount)
  from unnest(p_uses) u join unnest(p_refusals) with ordinality r (refusal, n) on r.n = u.posting
  where r.refusal is null and u.refusal = 'limit_exceeded' group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict on constraint limit_usage_pk do update set used = l.used + excluded.used;
end $$;

-- A snapshot says what was effective before its day: an entry that comes later for an earlier time moves it.
create function ledger.move_snapshots(p_postings ledger.posting[], p_legs ledger.placed_leg[], p_refusals text[],
  p_at timestamptz) returns void language plpgsql as $$
begin
  if not exists (select from unnest(p_postings) p where p.effective_at < p_at - interval '5 seconds') then return; end if;
  -- two shards of one account are moved by two at a time, and have their snapshots together
  perform 1 from ledger.balance_snapshots s
  where exists (
    select from unnest(p_legs) l join unnest(p_postings) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, n) on p.n = l.posting
    where s.business_id = l.business_id and s.account_id = l.account_id
      and (s.as_of::timestamp at time zone 'UTC') > p.effective_at)
  order by s.business_id, s.account_id, s.as_of for no key update;
  update ledger.balance_snapshots s set posted_debit = s.posted_debit + g.debit, posted_credit = s.posted_credit + g.credit
  from (
    select x.business_id, x.account_id, x.as_of,
      coalesce(sum(l.amount) filter (where l.side = 'debit'), 0) as debit,
      coalesce(sum(l.amount) filter (where l.side = 'credit'), 0) as credit
    from unnest(p_legs) l
    join rows from (unnest(p_postings), unnest(p_refusals)) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, refusal, n) on p.n = l.posting
    join ledger.balance_snapshots x on x.business_id = l.business_id and x.account_id = l.account_id
      and (x.as_of::timestamp at time zone 'UTC') > p.effective_at
    where p.refusal is null and p.phase = 'single' group by 1, 2, 3) g
  where s.business_id = g.business_id and s.account_id = g.account_id and s.as_of = g.as_of;
end $$;
