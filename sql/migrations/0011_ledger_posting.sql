-- How money is posted. ledger.post_batch is the one place where a new transaction moves balances; what posts, voids or
-- expires a hold is in ledger.resolve.
--
-- It is called some hundred times a second with up to some hundred postings, so its cost is that of its statements: few,
-- each over all postings. What they find goes into arrays of plain values, and the judge reads nothing else. Everything is
-- plpgsql, because before PostgreSQL 18 functions in SQL are planned anew at each call. Plans are made once, and for a handful
-- of rows wherever they lie: the planner does not know how many an array names, and would read a table from end to end that
-- was empty, or small, when it first looked.

create type ledger.posting as (
  business_id uuid, id uuid, phase ledger.phase, kind text, reference text, source_type text, source_id uuid,
  description text, metadata jsonb, effective_at timestamptz, expires_at timestamptz, created_by uuid, reverses_id uuid);
-- `posting` is a place in the array of postings, from 1. effective_at null: now.
create type ledger.leg as (posting int, account_id uuid, side ledger.side, amount bigint);
-- What a posting uses of a limit of an account that it moves: refused when what was used in the window (day, month,
-- wire_day) would pass `cap`.
create type ledger.limit_use as (
  posting int, account_id uuid, window_kind text, window_start date, amount bigint, cap bigint);
-- Null: posted. Otherwise why not, and what the caller may be told of it.
create type ledger.outcome as (refusal text, detail jsonb);

-- The legs in the order of their postings, each with the balance row that it moves: `place` is that row's number in the
-- order in which rows are locked (null for an account that is not there), `delta` how it moves it in the account's normal
-- sense, `is_kept` whether the account keeps a running balance. refusals, by posting: what can be refused without looking
-- at a balance. limit_…: the uses of limits, in the order of their postings, each with the place of its account's row and the
-- number of its window (1 day, 2 month, 3 wire_day).
create type ledger.placement as (
  refusals text[], posting int[], business_id uuid[], account_id uuid[], shard smallint[], side ledger.side[],
  amount bigint[], currency text[], delta bigint[], place int[], is_kept boolean[],
  limit_posting int[], limit_place int[], limit_window int[], limit_start date[], limit_amount bigint[], limit_cap bigint[]);

create function ledger.place(p_postings ledger.posting[], p_legs ledger.leg[], p_limits ledger.limit_use[])
returns ledger.placement
language plpgsql stable as $$ begin return (
  with leg as materialized (
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
      left join ledger.accounts a on a.business_id = p.business_id and a.id = l.account_id) s
    order by s.posting, s.ord),
  limits as (
    select array_agg(u.posting) as postings, array_agg(u.place) as places, array_agg(u.number) as numbers,
      array_agg(u.window_start) as starts, array_agg(u.amount) as amounts, array_agg(u.cap) as caps
    from (
      select u.*, k.place, case u.window_kind when 'day' then 1 when 'month' then 2 else 3 end as number
      from unnest(p_limits) u left join (
        select l.posting, l.account_id, min(l.place) as place from leg l where l.shards = 1
        group by l.posting, l.account_id) k
        on k.posting = u.posting and k.account_id = u.account_id
      order by u.posting, number) u)
  select row(
    (select array_agg(case
         when s.legs is null or s.legs < 2 then 'unbalanced'
         when s.is_unknown then 'account_not_found'
         when s.is_wrong then 'amount_positive'
         when s.is_unbalanced then 'unbalanced' end order by n.n)
     from generate_series(1, cardinality(p_postings)) n (n)
     left join (
       select c.posting, sum(c.legs) as legs, bool_or(c.is_unknown) as is_unknown, bool_or(c.is_wrong) as is_wrong,
         bool_or(c.net <> 0) as is_unbalanced
       from (
         select l.posting, count(*) as legs, bool_or(l.place is null) as is_unknown,
           bool_or(l.amount is null or l.amount <= 0) as is_wrong,
           sum(case l.side when 'debit' then l.amount else -l.amount end) as net
         from leg l group by l.posting, l.currency) c
       group by c.posting) s on s.posting = n.n),
    array_agg(l.posting), array_agg(l.business_id), array_agg(l.account_id), array_agg(l.shard), array_agg(l.side),
    array_agg(l.amount), array_agg(l.currency),
    array_agg(case when l.side = l.normal_side then l.amount else -l.amount end), array_agg(l.place),
    array_agg(l.shards = 1), min(m.postings), min(m.places), min(m.numbers), min(m.starts), min(m.amounts), min(m.caps))
    ::ledger.placement
  from leg l cross join limits m
); end $$;

-- What is there once: a reference, and the reversal of a transaction. `refusal` is what is said when it is taken, `place` its
-- number among all such things of the batch. In the order in which they are judged.
create type ledger.claim as (posting int, refusal text, place int, is_taken boolean);

create function ledger.claims_of(p_postings ledger.posting[]) returns ledger.claim[]
language plpgsql stable as $$ begin return (
  with claimed as (
    select p.n, p.business_id, c.refusal, c.key, case c.refusal
        when 'reference_exists' then exists (
          select from ledger.transactions t where t.business_id = p.business_id and t.reference = c.key)
        else exists (
          select from ledger.transactions t where t.business_id = p.business_id and t.reverses_id = c.key::uuid) end as is_taken
    from unnest(p_postings) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, n)
    cross join lateral (values ('already_reversed', p.reverses_id::text), ('reference_exists', p.reference)) c (refusal, key)
    where c.key is not null)
  select array_agg(row(c.n, c.refusal, c.place, c.is_taken)::ledger.claim order by c.n, c.refusal)
  from (select *, dense_rank() over (order by business_id, refusal, key)::int as place from claimed) c
); end $$;

-- What the judge found: by posting, by leg (`after`: the balance after it; null where none is kept, or refused), and by
-- balance row, in the order of places, what was added to it, and what is used in its windows now.
create type ledger.judgement as (
  refusals text[], details jsonb[], after bigint[], posted_debit bigint[], posted_credit bigint[], pending_debit bigint[],
  pending_credit bigint[], postings int[], starts date[], used bigint[]);

-- Balance rows, locked and in the order of places: whether their account is open, what is posted and available in the
-- normal sense, the least and the most that it may be; and by place and window, when the window began and what was used.
create type ledger.locked as (
  is_open boolean[], posted bigint[], available bigint[], least_available bigint[], most_posted bigint[], starts date[],
  used bigint[]);

-- Posts what can be posted and tells of each posting, in order, why not. Postings are judged one after the other, each on
-- what those before it left, as if it had come alone; one that is refused leaves nothing behind and hinders nobody.
-- Phases: single and pending.
-- Refusals: unbalanced, account_not_found, amount_positive, account_not_open, insufficient_funds, balance_ceiling,
-- limit_exceeded {window, limit, used}, reference_exists, already_reversed.
--
-- Locks: references, then the balance rows of all postings, each in one order, so that two calls cannot deadlock. What
-- decides over an account stands in its balance row, or is looked at under that row's lock; in a function that may write,
-- each statement sees what was committed before it began.
create function ledger.post_batch(p_postings ledger.posting[], p_legs ledger.leg[],
  p_limits ledger.limit_use[] default '{}') returns ledger.outcome[]
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_placement ledger.placement := ledger.place(p_postings, p_legs, p_limits);
  v_named boolean := exists (select from unnest(p_postings) p where p.reference is not null or p.reverses_id is not null);
  v_locked ledger.locked; v_claims ledger.claim[]; v_judgement ledger.judgement;
begin
  if v_named then
    perform pg_advisory_xact_lock(h.hash)
    from (select distinct hashtextextended('ledger.reference/' || p.business_id || '/' || p.reference, 0) as hash
          from unnest(p_postings) p where p.reference is not null order by 1) h;
  end if;
  v_locked := ledger.lock_balances(v_placement);
  if v_named then v_claims := ledger.claims_of(p_postings); end if;
  v_judgement := ledger.judge(p_postings, v_placement, v_locked, v_claims);
  if array_position(v_judgement.refusals, null) is not null then
    perform ledger.write_batch(p_postings, v_placement, v_judgement);
  end if;
  return (select array_agg(row(r.refusal, r.detail)::ledger.outcome order by r.n)
    from rows from (unnest(v_judgement.refusals), unnest(v_judgement.details)) with ordinality r (refusal, detail, n));
end $$;

-- A row that another transaction has changed meanwhile is read as it is when its lock is had.
create function ledger.lock_balances(p_placement ledger.placement) returns ledger.locked language plpgsql as $$
declare
  v_locked ledger.locked; v_places int := (select max(p) from unnest(p_placement.place) p); v_found int;
begin
  select array_agg(b.is_open), array_agg(b.posted),
    array_agg(b.available), array_agg(-b.overdraft_limit), array_agg(b.max_balance), array_agg(b.starts), array_agg(b.used),
    count(*)
  into v_locked.is_open, v_locked.posted, v_locked.available, v_locked.least_available, v_locked.most_posted, v_locked.starts,
    v_locked.used, v_found
  from (
    select b.is_open, b.overdraft_limit, b.max_balance, array[b.day, b.month, b.wire_day] as starts,
      array[b.day_used, b.month_used, b.wire_day_used] as used,
      case b.normal_side when 'credit' then b.posted_credit - b.posted_debit else b.posted_debit - b.posted_credit end as posted,
      case b.normal_side when 'credit' then b.posted_credit - b.posted_debit - b.pending_debit
        else b.posted_debit - b.posted_credit - b.pending_credit end as available
    from (
      select distinct l.place, l.business_id, l.account_id, l.shard
      from unnest(p_placement.place, p_placement.business_id, p_placement.account_id, p_placement.shard)
        l (place, business_id, account_id, shard)
      where l.place is not null) k
    join ledger.balances b on b.business_id = k.business_id and b.account_id = k.account_id and b.shard = k.shard
    order by k.place for no key update of b) b;
  if v_found <> coalesce(v_places, 0) then raise exception 'a balance row is missing'; end if;
  return v_locked;
end $$;

-- The running sums. Windows of a place stand together in one array of all: window w of place p is element (p - 1) * 3 + w.
create function ledger.judge(p_postings ledger.posting[], p_placement ledger.placement, p_locked ledger.locked,
  p_claims ledger.claim[]) returns ledger.judgement language plpgsql immutable as $$
declare
  v_single boolean[] := (select array_agg(p.phase = 'single') from unnest(p_postings) p);
  v_refusals text[] := p_placement.refusals; v_details jsonb[] := array_fill(null::jsonb, array[cardinality(p_postings)]);
  v_posting int[] := p_placement.posting; v_place int[] := p_placement.place; v_delta bigint[] := p_placement.delta;
  v_amount bigint[] := p_placement.amount; v_kept boolean[] := p_placement.is_kept; v_debit boolean[];
  v_legs int := coalesce(cardinality(p_placement.posting), 0);
  v_limit_posting int[] := p_placement.limit_posting; v_limit_place int[] := p_placement.limit_place;
  v_window int[] := p_placement.limit_window; v_start date[] := p_placement.limit_start;
  v_use bigint[] := p_placement.limit_amount; v_cap bigint[] := p_placement.limit_cap;
  v_limits int := coalesce(cardinality(p_placement.limit_posting), 0);
  v_claim_posting int[]; v_claim_place int[]; v_claim_name text[]; v_taken boolean[];
  v_claims int := coalesce(cardinality(p_claims), 0);
  v_open boolean[] := p_locked.is_open; v_posted bigint[] := p_locked.posted; v_available bigint[] := p_locked.available;
  v_least bigint[] := p_locked.least_available; v_most bigint[] := p_locked.most_posted;
  v_starts date[] := (select array_agg(s) from unnest(p_locked.starts) s);
  v_used bigint[] := (select array_agg(u) from unnest(p_locked.used) u);
  v_rows int := coalesce(cardinality(p_locked.posted), 0);
  v_none bigint[] := array_fill(0::bigint, array[greatest(v_rows, 1)]);
  v_posted_debit bigint[] := v_none; v_posted_credit bigint[] := v_none; v_pending_debit bigint[] := v_none;
  v_pending_credit bigint[] := v_none; v_postings int[] := array_fill(0, array[greatest(v_rows, 1)]);
  v_after bigint[] := array_fill(null::bigint, array[greatest(v_legs, 1)]);
  v_leg int := 1; v_first int; v_limit int := 1; v_first_limit int; v_claim int := 1; v_first_claim int; v_at int;
  v_refusal text; v_seen boolean; v_before bigint;
begin
  v_debit := (select array_agg(s = 'debit') from unnest(p_placement.side) s);
  if v_claims > 0 then
    select array_agg(c.posting), array_agg(c.place), array_agg(c.refusal) into v_claim_posting, v_claim_place, v_claim_name
    from unnest(p_claims) c;
    v_taken := (select array_agg(k.is_taken order by k.place)
      from (select distinct on (c.place) c.place, c.is_taken from unnest(p_claims) c order by c.place) k);
  end if;
  for i in 1 .. cardinality(p_postings) loop
    v_refusal := v_refusals[i]; v_first := v_leg; v_first_limit := v_limit; v_first_claim := v_claim;
    while v_leg <= v_legs and v_posting[v_leg] = i loop
      if v_refusal is null and not v_open[v_place[v_leg]] then v_refusal := 'account_not_open'; end if;
      v_leg := v_leg + 1;
    end loop;
    while v_limit <= v_limits and v_limit_posting[v_limit] = i loop v_limit := v_limit + 1; end loop;
    -- what is there once comes first: who repeats a request hears that, not that the money is gone
    while v_claim <= v_claims and v_claim_posting[v_claim] = i loop
      if v_refusal is null and v_taken[v_claim_place[v_claim]] then v_refusal := v_claim_name[v_claim]; end if;
      v_claim := v_claim + 1;
    end loop;
    if v_refusal is null then
      for k in v_first .. v_leg - 1 loop
        v_at := v_place[k];
        if v_single[i] then
          v_posted[v_at] := v_posted[v_at] + v_delta[k]; v_available[v_at] := v_available[v_at] + v_delta[k];
          if v_kept[k] then v_after[k] := v_posted[v_at]; end if;
        elsif v_delta[k] < 0 then v_available[v_at] := v_available[v_at] + v_delta[k]; end if;
      end loop;
      -- the net effect is what counts: money may pass through an account that has none
      for k in v_first .. v_leg - 1 loop
        v_at := v_place[k];
        if v_available[v_at] < v_least[v_at] then v_refusal := 'insufficient_funds';
        elsif v_posted[v_at] > v_most[v_at] then v_refusal := 'balance_ceiling'; end if;
        exit when v_refusal is not null;
      end loop;
      for k in v_first_limit .. v_limit - 1 loop
        exit when v_refusal is not null;
        if v_limit_place[k] is null then raise exception 'a limit of an account that is not moved, or has shards'; end if;
        v_at := (v_limit_place[k] - 1) * 3 + v_window[k];
        v_before := case when v_starts[v_at] < v_start[k] then 0 else v_used[v_at] end;
        if v_before + v_use[k] > v_cap[k] then
          v_refusal := 'limit_exceeded';
          v_details[i] := jsonb_build_object('window', (array['day', 'month', 'wire_day'])[v_window[k]], 'limit', v_cap[k],
            'used', v_before);
        end if;
      end loop;
      for k in v_first .. v_leg - 1 loop
        v_at := v_place[k];
        if v_refusal is null then
          if v_single[i] then
            if v_debit[k] then v_posted_debit[v_at] := v_posted_debit[v_at] + v_amount[k];
            else v_posted_credit[v_at] := v_posted_credit[v_at] + v_amount[k]; end if;
          elsif v_debit[k] then v_pending_debit[v_at] := v_pending_debit[v_at] + v_amount[k];
          else v_pending_credit[v_at] := v_pending_credit[v_at] + v_amount[k]; end if;
          v_seen := false;
          for j in v_first .. k - 1 loop v_seen := v_seen or v_place[j] = v_at; end loop;
          if not v_seen then v_postings[v_at] := v_postings[v_at] + 1; end if;
        else
          v_after[k] := null;
          if v_single[i] then
            v_posted[v_at] := v_posted[v_at] - v_delta[k]; v_available[v_at] := v_available[v_at] - v_delta[k];
          elsif v_delta[k] < 0 then v_available[v_at] := v_available[v_at] - v_delta[k]; end if;
        end if;
      end loop;
      if v_refusal is null then
        for k in v_first_limit .. v_limit - 1 loop
          v_at := (v_limit_place[k] - 1) * 3 + v_window[k];
          if v_starts[v_at] < v_start[k] then v_starts[v_at] := v_start[k]; v_used[v_at] := 0; end if;
          v_used[v_at] := v_used[v_at] + v_use[k];
        end loop;
        for k in v_first_claim .. v_claim - 1 loop v_taken[v_claim_place[k]] := true; end loop;
      end if;
    end if;
    v_refusals[i] := v_refusal;
  end loop;
  return row(v_refusals, v_details, v_after, v_posted_debit, v_posted_credit, v_pending_debit, v_pending_credit, v_postings,
    v_starts, v_used);
end $$;

-- Writes what was not refused: one update a balance row, however many transactions move it.
create function ledger.write_batch(p_postings ledger.posting[], p_placement ledger.placement,
  p_judgement ledger.judgement) returns void language plpgsql as $$
declare
  -- after the locks, so that it grows with the entries of an account
  v_at timestamptz := clock_timestamp();
begin
  with posting as materialized (
    select * from rows from (unnest(p_postings), unnest(p_judgement.refusals)) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, refusal, n)
    where p.refusal is null),
  moved as (
    update ledger.balances b set
      posted_debit = b.posted_debit + s.posted_debit, posted_credit = b.posted_credit + s.posted_credit,
      pending_debit = b.pending_debit + s.pending_debit, pending_credit = b.pending_credit + s.pending_credit,
      day = p_judgement.starts[k.place * 3 - 2], day_used = p_judgement.used[k.place * 3 - 2],
      month = p_judgement.starts[k.place * 3 - 1], month_used = p_judgement.used[k.place * 3 - 1],
      wire_day = p_judgement.starts[k.place * 3], wire_day_used = p_judgement.used[k.place * 3],
      version = b.version + s.postings, updated_at = v_at
    from rows from (unnest(p_judgement.posted_debit), unnest(p_judgement.posted_credit),
        unnest(p_judgement.pending_debit), unnest(p_judgement.pending_credit), unnest(p_judgement.postings)) with ordinality
      s (posted_debit, posted_credit, pending_debit, pending_credit, postings, place)
    join (
      select distinct l.place, l.business_id, l.account_id, l.shard
      from unnest(p_placement.place, p_placement.business_id, p_placement.account_id, p_placement.shard)
        l (place, business_id, account_id, shard)) k on k.place = s.place
    where s.postings > 0 and b.business_id = k.business_id and b.account_id = k.account_id and b.shard = k.shard),
  booked as (
    insert into ledger.transactions (business_id, id, phase, kind, reference, source_type, source_id, description, metadata,
      effective_at, posted_at, expires_at, created_by, reverses_id)
    select p.business_id, p.id, p.phase, p.kind, p.reference, p.source_type, p.source_id, p.description,
      coalesce(p.metadata, '{}'), coalesce(p.effective_at, v_at), v_at, p.expires_at, p.created_by, p.reverses_id
    from posting p order by p.n)
  insert into ledger.entries (business_id, account_id, transaction_id, shard, side, amount, currency, phase, effective_at,
    balance_after)
  select p.business_id, l.account_id, p.id, l.shard, l.side, l.amount, l.currency, p.phase, coalesce(p.effective_at, v_at),
    l.after
  from rows from (unnest(p_placement.posting), unnest(p_placement.account_id), unnest(p_placement.shard),
      unnest(p_placement.side), unnest(p_placement.amount), unnest(p_placement.currency), unnest(p_judgement.after))
    with ordinality l (posting, account_id, shard, side, amount, currency, after, n)
  join posting p on p.n = l.posting order by l.n;
  if exists (select from unnest(p_postings) p where p.effective_at < v_at - interval '5 seconds') then
    perform ledger.move_snapshots(p_postings, p_placement, p_judgement.refusals);
  end if;
end $$;

-- A snapshot says what was effective before its day: an entry that comes later for an earlier time moves it.
create function ledger.move_snapshots(p_postings ledger.posting[], p_placement ledger.placement, p_refusals text[])
returns void language plpgsql as $$
begin
  -- two shards of one account are moved by two at a time, and have their snapshots together
  perform 1 from ledger.balance_snapshots s
  where exists (
    select from unnest(p_placement.posting, p_placement.account_id) l (posting, account_id)
    join unnest(p_postings) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, n) on p.n = l.posting
    where s.business_id = p.business_id and s.account_id = l.account_id
      and (s.as_of::timestamp at time zone 'UTC') > p.effective_at)
  order by s.business_id, s.account_id, s.as_of for no key update;
  update ledger.balance_snapshots s set posted_debit = s.posted_debit + g.debit, posted_credit = s.posted_credit + g.credit
  from (
    select x.business_id, x.account_id, x.as_of,
      coalesce(sum(l.amount) filter (where l.side = 'debit'), 0) as debit,
      coalesce(sum(l.amount) filter (where l.side = 'credit'), 0) as credit
    from unnest(p_placement.posting, p_placement.account_id, p_placement.side, p_placement.amount)
      l (posting, account_id, side, amount)
    join rows from (unnest(p_postings), unnest(p_refusals)) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, refusal, n) on p.n = l.posting
    join ledger.balance_snapshots x on x.business_id = p.business_id and x.account_id = l.account_id
      and (x.as_of::timestamp at time zone 'UTC') > p.effective_at
    where p.refusal is null and p.phase = 'single' group by 1, 2, 3) g
  where s.business_id = g.business_id and s.account_id = g.account_id and s.as_of = g.as_of;
end $$;
