-- What posting costs: the functions of 0011 and 0015 again, which say what they promise, with the same results from fewer
-- statements. Much of a call went into handing rows on as arrays, and into looking for a balance row three times.

-------------------------------------------------------------------------------------------------------- the ledger
drop function ledger.lock_balances(ledger.placement);
drop function ledger.place(ledger.posting[], ledger.leg[], ledger.limit_use[]);
drop function ledger.write_batch(ledger.posting[], ledger.placement, ledger.judgement);
-- rows have their business from their posting
alter type ledger.placement drop attribute business_id;
-- where each row lies
alter type ledger.locked add attribute row_id tid[];
-- the statement that writes adds up what was not refused
alter type ledger.judgement drop attribute posted_debit, drop attribute posted_credit, drop attribute pending_debit,
  drop attribute pending_credit, drop attribute postings;

-- Finds the balance row of each leg and locks them all, in one order. A row that another transaction has changed
-- meanwhile is read as it is when its lock is had.
create function ledger.lock_legs(p_postings ledger.posting[], p_legs ledger.leg[], p_limits ledger.limit_use[],
  out placement ledger.placement, out locked ledger.locked) language plpgsql as $$
declare
  v_places int;
begin
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
  refused as (
    select array_agg(case
        when s.legs is null or s.legs < 2 then 'unbalanced'
        when s.is_unknown then 'account_not_found'
        when s.is_wrong then 'amount_positive'
        when s.is_unbalanced then 'unbalanced' end order by n.n) as refusals
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
  legs as (
    select array_agg(l.posting) as postings, array_agg(l.account_id) as accounts, array_agg(l.shard) as shards,
      array_agg(l.side) as sides, array_agg(l.amount) as amounts, array_agg(l.currency::text) as currencies,
      array_agg(case when l.side = l.normal_side then l.amount else -l.amount end) as deltas, array_agg(l.place) as places,
      array_agg(l.shards = 1) as kept, max(l.place) as place_max
    from leg l),
  limits as (
    select array_agg(u.posting) as postings, array_agg(u.place) as places, array_agg(u.number) as numbers,
      array_agg(u.window_start) as starts, array_agg(u.amount) as amounts, array_agg(u.cap) as caps
    from (
      select u.*, k.place, case u.window_kind when 'day' then 1 when 'month' then 2 else 3 end as number
      from unnest(p_limits) u left join (
        select l.posting, l.account_id, min(l.place) as place from leg l where l.shards = 1
        group by l.posting, l.account_id) k
        on k.posting = u.posting and k.account_id = u.account_id
      order by u.posting, number) u),
  held as (
    select array_agg(b.row_id) as row_ids, array_agg(b.is_open) as opens, array_agg(b.posted) as posted,
      array_agg(b.available) as available, array_agg(-b.overdraft_limit) as least, array_agg(b.max_balance) as most,
      array_agg(b.starts) as starts, array_agg(b.used) as used
    from (
      select b.ctid as row_id, b.is_open, b.overdraft_limit, b.max_balance, array[b.day, b.month, b.wire_day] as starts,
        array[b.day_used, b.month_used, b.wire_day_used] as used,
        case b.normal_side when 'credit' then b.posted_credit - b.posted_debit else b.posted_debit - b.posted_credit end
          as posted,
        case b.normal_side when 'credit' then b.posted_credit - b.posted_debit - b.pending_debit
          else b.posted_debit - b.posted_credit - b.pending_credit end as available
      from (
        select distinct l.place, l.business_id, l.account_id, l.shard from leg l where l.place is not null) k
      join ledger.balances b on b.business_id = k.business_id and b.account_id = k.account_id and b.shard = k.shard
      order by k.place for no key update of b) b)
  select r.refusals, l.postings, l.accounts, l.shards, l.sides, l.amounts, l.currencies, l.deltas, l.places, l.kept,
    u.postings, u.places, u.numbers, u.starts, u.amounts, u.caps,
    h.row_ids, h.opens, h.posted, h.available, h.least, h.most, h.starts, h.used, l.place_max
  into placement.refusals, placement.posting, placement.account_id, placement.shard, placement.side, placement.amount,
    placement.currency, placement.delta, placement.place, placement.is_kept,
    placement.limit_posting, placement.limit_place, placement.limit_window, placement.limit_start, placement.limit_amount,
    placement.limit_cap,
    locked.row_id, locked.is_open, locked.posted, locked.available, locked.least_available, locked.most_posted,
    locked.starts, locked.used, v_places
  from refused r cross join legs l cross join limits u cross join held h;
  if coalesce(cardinality(locked.row_id), 0) <> coalesce(v_places, 0) then
    raise exception 'a balance row is missing';
  end if;
end $$;

create or replace function ledger.post_batch(p_postings ledger.posting[], p_legs ledger.leg[],
  p_limits ledger.limit_use[] default '{}') returns ledger.outcome[]
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_named boolean := exists (select from unnest(p_postings) p where p.reference is not null or p.reverses_id is not null);
  v_held record; v_placement ledger.placement; v_locked ledger.locked; v_claims ledger.claim[]; v_judgement ledger.judgement;
begin
  if v_named then
    perform pg_advisory_xact_lock(h.hash)
    from (select distinct hashtextextended('ledger.reference/' || p.business_id || '/' || p.reference, 0) as hash
          from unnest(p_postings) p where p.reference is not null order by 1) h;
  end if;
  v_held := ledger.lock_legs(p_postings, p_legs, p_limits);
  v_placement := v_held.placement; v_locked := v_held.locked;
  if v_named then v_claims := ledger.claims_of(p_postings); end if;
  v_judgement := ledger.judge(p_postings, v_placement, v_locked, v_claims);
  if array_position(v_judgement.refusals, null) is not null then
    perform ledger.write_batch(p_postings, v_placement, v_locked, v_judgement);
  end if;
  return (select array_agg(row(r.refusal, r.detail)::ledger.outcome order by r.n)
    from rows from (unnest(v_judgement.refusals), unnest(v_judgement.details)) with ordinality r (refusal, detail, n));
end $$;

-- The running sums. `starts` and `used` have a row a place, and a column a window.
create or replace function ledger.judge(p_postings ledger.posting[], p_placement ledger.placement, p_locked ledger.locked,
  p_claims ledger.claim[]) returns ledger.judgement language plpgsql immutable as $$
declare
  v_single boolean[] := (select array_agg(p.phase = 'single') from unnest(p_postings) p);
  v_refusals text[] := p_placement.refusals; v_details jsonb[] := array_fill(null::jsonb, array[cardinality(p_postings)]);
  v_posting int[] := p_placement.posting; v_place int[] := p_placement.place; v_delta bigint[] := p_placement.delta;
  v_kept boolean[] := p_placement.is_kept;
  v_limit_posting int[] := p_placement.limit_posting; v_limit_place int[] := p_placement.limit_place;
  v_window int[] := p_placement.limit_window; v_start date[] := p_placement.limit_start;
  v_use bigint[] := p_placement.limit_amount; v_cap bigint[] := p_placement.limit_cap;
  v_claim_posting int[]; v_claim_place int[]; v_claim_name text[]; v_taken boolean[];
  v_open boolean[] := p_locked.is_open; v_posted bigint[] := p_locked.posted; v_available bigint[] := p_locked.available;
  v_least bigint[] := p_locked.least_available; v_most bigint[] := p_locked.most_posted;
  v_starts date[] := p_locked.starts; v_used bigint[] := p_locked.used;
  v_after bigint[] := array_fill(null::bigint, array[greatest(cardinality(p_placement.posting), 1)]);
  v_leg int := 1; v_first int; v_limit int := 1; v_first_limit int; v_claim int := 1; v_first_claim int; v_at int;
  v_refusal text; v_before bigint;
begin
  if p_claims is not null then
    select array_agg(c.posting), array_agg(c.place), array_agg(c.refusal) into v_claim_posting, v_claim_place, v_claim_name
    from unnest(p_claims) c;
    v_taken := (select array_agg(k.is_taken order by k.place)
      from (select distinct on (c.place) c.place, c.is_taken from unnest(p_claims) c order by c.place) k);
  end if;
  for i in 1 .. cardinality(p_postings) loop
    v_refusal := v_refusals[i]; v_first := v_leg; v_first_limit := v_limit; v_first_claim := v_claim;
    while v_posting[v_leg] = i loop                      -- past the last one there is null, which ends a loop
      if v_refusal is null and not v_open[v_place[v_leg]] then v_refusal := 'account_not_open'; end if;
      v_leg := v_leg + 1;
    end loop;
    while v_limit_posting[v_limit] = i loop v_limit := v_limit + 1; end loop;
    -- what is there once comes first: who repeats a request hears that, not that the money is gone
    while v_claim_posting[v_claim] = i loop
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
        if v_available[v_at] < v_least[v_at] then v_refusal := 'insufficient_funds'; exit;
        elsif v_posted[v_at] > v_most[v_at] then v_refusal := 'balance_ceiling'; exit; end if;
      end loop;
      for k in v_first_limit .. v_limit - 1 loop
        exit when v_refusal is not null;
        if v_limit_place[k] is null then raise exception 'a limit of an account that is not moved, or has shards'; end if;
        v_at := v_limit_place[k];
        v_before := case when v_starts[v_at][v_window[k]] < v_start[k] then 0 else v_used[v_at][v_window[k]] end;
        if v_before + v_use[k] > v_cap[k] then
          v_refusal := 'limit_exceeded';
          v_details[i] := jsonb_build_object('window', (array['day', 'month', 'wire_day'])[v_window[k]], 'limit', v_cap[k],
            'used', v_before);
        end if;
      end loop;
      if v_refusal is null then
        for k in v_first_limit .. v_limit - 1 loop
          v_at := v_limit_place[k];
          if v_starts[v_at][v_window[k]] < v_start[k] then
            v_starts[v_at][v_window[k]] := v_start[k]; v_used[v_at][v_window[k]] := 0;
          end if;
          v_used[v_at][v_window[k]] := v_used[v_at][v_window[k]] + v_use[k];
        end loop;
        for k in v_first_claim .. v_claim - 1 loop v_taken[v_claim_place[k]] := true; end loop;
      else
        for k in v_first .. v_leg - 1 loop
          v_at := v_place[k]; v_after[k] := null;
          if v_single[i] then
            v_posted[v_at] := v_posted[v_at] - v_delta[k]; v_available[v_at] := v_available[v_at] - v_delta[k];
          elsif v_delta[k] < 0 then v_available[v_at] := v_available[v_at] - v_delta[k]; end if;
        end loop;
      end if;
    end if;
    v_refusals[i] := v_refusal;
  end loop;
  return row(v_refusals, v_details, v_after, v_starts, v_used);
end $$;

-- Writes what was not refused: one update a balance row, however many transactions move it. A row is found where it lay
-- when it was locked, for it stays there until its transaction changes it or ends
-- (https://www.postgresql.org/docs/18/sql-update.html joins by ctid in the same way).
create function ledger.write_batch(p_postings ledger.posting[], p_placement ledger.placement, p_locked ledger.locked,
  p_judgement ledger.judgement) returns void language plpgsql as $$
declare
  -- after the locks, so that it grows with the entries of an account
  v_at timestamptz := clock_timestamp();
  v_starts date[] := p_judgement.starts; v_used bigint[] := p_judgement.used;
  v_due int; v_moved int; v_is_late boolean;
begin
  with posting as materialized (
    select * from rows from (unnest(p_postings), unnest(p_judgement.refusals)) with ordinality
        p (business_id, id, phase, kind, reference, source_type, source_id, description, metadata, effective_at,
        expires_at, created_by, reverses_id, refusal, n)
    where p.refusal is null),
  leg as materialized (
    select l.*, p.business_id, p.id, p.phase, p.effective_at
    from rows from (unnest(p_placement.posting), unnest(p_placement.account_id), unnest(p_placement.shard),
        unnest(p_placement.side), unnest(p_placement.amount), unnest(p_placement.currency), unnest(p_placement.place),
        unnest(p_judgement.after)) with ordinality l (posting, account_id, shard, side, amount, currency, place, after, n)
    join posting p on p.n = l.posting),
  change as materialized (
    select l.place, count(distinct l.posting) as postings,
      coalesce(sum(l.amount) filter (where l.side = 'debit' and l.phase = 'single'), 0)::bigint as posted_debit,
      coalesce(sum(l.amount) filter (where l.side = 'credit' and l.phase = 'single'), 0)::bigint as posted_credit,
      coalesce(sum(l.amount) filter (where l.side = 'debit' and l.phase <> 'single'), 0)::bigint as pending_debit,
      coalesce(sum(l.amount) filter (where l.side = 'credit' and l.phase <> 'single'), 0)::bigint as pending_credit
    from leg l group by l.place),
  moved as (
    update ledger.balances b set
      posted_debit = b.posted_debit + c.posted_debit, posted_credit = b.posted_credit + c.posted_credit,
      pending_debit = b.pending_debit + c.pending_debit, pending_credit = b.pending_credit + c.pending_credit,
      day = v_starts[c.place][1], day_used = v_used[c.place][1], month = v_starts[c.place][2],
      month_used = v_used[c.place][2], wire_day = v_starts[c.place][3], wire_day_used = v_used[c.place][3],
      version = b.version + c.postings, updated_at = v_at
    from change c join unnest(p_locked.row_id) with ordinality r (row_id, place) on r.place = c.place
    where b.ctid = r.row_id
    returning 1),
  booked as (
    insert into ledger.transactions (business_id, id, phase, kind, reference, source_type, source_id, description, metadata,
      effective_at, posted_at, expires_at, created_by, reverses_id)
    select p.business_id, p.id, p.phase, p.kind, p.reference, p.source_type, p.source_id, p.description,
      coalesce(p.metadata, '{}'), coalesce(p.effective_at, v_at), v_at, p.expires_at, p.created_by, p.reverses_id
    from posting p order by p.n),
  entered as (
    insert into ledger.entries (business_id, account_id, transaction_id, shard, side, amount, currency, phase, effective_at,
      balance_after)
    select l.business_id, l.account_id, l.id, l.shard, l.side, l.amount, l.currency, l.phase, coalesce(l.effective_at, v_at),
      l.after
    from leg l order by l.n)
  select (select count(*) from change), (select count(*) from moved),
    exists (select from posting p where p.effective_at < v_at - interval '5 seconds')
  into v_due, v_moved, v_is_late;
  if v_moved <> v_due then raise exception 'a balance row is not where it was locked'; end if;
  if v_is_late then perform ledger.move_snapshots(p_postings, p_placement, p_judgement.refusals); end if;
end $$;

---------------------------------------------------------------------------------------------------------- the bank
-- A transfer as clients see it. A row of a type becomes JSON for less than a list of names and values does.
create type bank.transfer_answer as (
  id uuid, kind bank.transfer_kind, status bank.transfer_status, from_account_id uuid, to_account_id uuid, amount bigint,
  fee bigint, currency char(3), reference text, memo text, category text, reversed_by_id uuid, version int, created_at text,
  updated_at text, settled_at text);

create or replace function bank.transfer_body(t bank.transfers) returns json language sql stable parallel safe as $$
  select to_json(row(t.id, t.kind, t.status, t.from_account_id, t.to_account_id, t.amount, t.fee, t.currency, t.reference,
    t.memo, t.category, t.reversed_by_id, t.version, core.iso(t.created_at), core.iso(t.updated_at),
    core.iso(t.settled_at))::bank.transfer_answer) $$;

create or replace function bank.prepare(p_movements jsonb) returns bank.prepared[] language plpgsql stable as $$ begin return (
  select array_agg(row(m.business_id, m.id, m.kind, m.from_account_id, m.to_account_id, m.amount, m.currency, m.reference, m.memo,
    m.category, m.own_user_id, m.user_id, m.member_id, m.session_id, m.request_id, m.ip, m.key, m.request_hash,
    m.instance, m.pointer,
    m.n, x.refused[1], x.refused[2], case when k.request_hash = decode(m.request_hash, 'hex') then k end,
    coalesce(f.id, v.id), coalesce(t.id, v.id), d.today, f.daily_limit, f.monthly_limit,
    f.status = 'dormant' or t.status = 'dormant')::bank.prepared order by m.n)
  from (
    select *, case when key is not null then row_number() over (partition by business_id, member_id, key order by n) end as turn
    from rows from (jsonb_to_recordset(p_movements) as (
    business_id uuid, id uuid, kind bank.transfer_kind, from_account_id uuid, to_account_id uuid, amount bigint,
    currency char(3), reference text, memo text, category text, own_user_id uuid, user_id uuid, member_id uuid,
    session_id uuid, request_id text, ip inet, key text, request_hash text, instance text, pointer text)) with ordinality
      m (business_id, id, kind, from_account_id, to_account_id, amount, currency, reference, memo, category, own_user_id,
    user_id, member_id, session_id, request_id, ip, key, request_hash, instance, pointer, n)) m
  join core.businesses b on b.id = m.business_id
  left join core.idempotency_keys k on k.business_id = m.business_id and k.member_id = m.member_id and k.key = m.key
  left join bank.accounts f on f.business_id = m.business_id and f.id = m.from_account_id
  left join bank.accounts t on t.business_id = m.business_id and t.id = m.to_account_id
  -- no code, no search: most calls are about transfers between accounts
  left join ledger.accounts v on v.business_id = m.business_id
    and v.code = case when m.from_account_id is null or m.to_account_id is null then
      'cash:vault' || case when b.currency = m.currency then '' else ':' || lower(m.currency) end end
  cross join lateral (select (now() at time zone b.timezone)::date as today) d
  cross join lateral (select case
      -- an earlier request of this call is the first one with the key
      when m.turn > 1 and k.key is null then array['idempotency_in_progress']
      when k.request_hash <> decode(m.request_hash, 'hex') then array['idempotency_mismatch']
      when m.from_account_id is not null and (f.id is null or m.own_user_id is not null and not exists (
          select from core.customers c where c.business_id = f.business_id and c.id = f.customer_id
            and c.user_id = m.own_user_id)) then array['reference_not_found', '/from_account_id']
      when m.to_account_id is not null and t.id is null then array['reference_not_found', '/to_account_id']
      when f.id = t.id then array['same_account', '/to_account_id']
      when f.currency <> m.currency or t.currency <> m.currency then array['currency_mismatch', '/currency']
      when f.status not in ('active', 'dormant') then array['account_not_open', '/from_account_id']
      when t.status not in ('active', 'dormant') then array['account_not_open', '/to_account_id'] end as refused) x
); end $$;

create or replace function bank.move(p_movements jsonb, p_problems jsonb) returns bank.moved[]
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_requests bank.prepared[]; v_outcomes ledger.outcome[]; v_moved bank.moved[]; v_kept int; v_due int;
  v_import text := coalesce(current_setting('app.import', true), 'off');
  v_postings ledger.posting[]; v_legs ledger.leg[]; v_limits ledger.limit_use[]; v_is_waking boolean;
begin
  perform bank.ensure_vaults(p_movements);
  v_requests := bank.prepare(p_movements);
  -- every request has a posting, so that places agree; one that is refused already has no legs
  select array_agg(row(m.business_id, m.id, 'single', 'bank.' || m.kind, m.reference, null, null, m.memo, null, null, null,
      m.user_id, null)::ledger.posting order by m.place), bool_or(m.is_waking),
    array_agg(row(m.place, m.debit_id, 'debit', m.amount)::ledger.leg) filter (where m.is_new)
      || array_agg(row(m.place, m.credit_id, 'credit', m.amount)::ledger.leg) filter (where m.is_new),
    array_agg(row(m.place, m.from_account_id, 'day', m.today, m.amount, m.daily_limit)::ledger.limit_use)
        filter (where m.is_new and m.from_account_id is not null)
      || array_agg(row(m.place, m.from_account_id, 'month', date_trunc('month', m.today)::date, m.amount, m.monthly_limit)
        ::ledger.limit_use) filter (where m.is_new and m.from_account_id is not null)
  into v_postings, v_is_waking, v_legs, v_limits
  from (select *, m.refusal is null and (m.answer).key is null as is_new from unnest(v_requests) m) m;
  if v_legs is not null then v_outcomes := ledger.post_batch(v_postings, v_legs, coalesce(v_limits, '{}')); end if;
  -- rows of one call belong to several people, whom a setting of the transaction cannot name: the triggers that ask it are
  -- off, and the statement says what they would say
  perform set_config('app.import', 'on', true);
  select w.moved, w.kept, w.due into v_moved, v_kept, v_due
  from bank.write_moved(v_requests, v_outcomes, p_problems) w;
  perform set_config('app.import', v_import, true);
  if v_kept <> v_due then
    raise exception 'another call takes one of the keys' using errcode = '40001', constraint = 'idempotency_in_progress';
  end if;
  if v_is_waking then perform bank.wake_accounts(v_requests, v_moved); end if;
  return v_moved;
end $$;

create or replace function bank.write_moved(p_requests bank.prepared[], p_outcomes ledger.outcome[], p_problems jsonb,
  out moved bank.moved[], out kept int, out due int) language plpgsql as $$
declare
  v_at timestamptz := clock_timestamp();
begin
  with request as materialized (
    select m.*, coalesce(m.refusal, m.judged) as why,
      m.refusal is null and m.judged is null and (m.answer).key is null as is_posted
    from rows from (unnest(p_requests), unnest(p_outcomes)) m (
      business_id, id, kind, from_account_id, to_account_id, amount, currency, reference, memo, category, own_user_id,
      user_id, member_id, session_id, request_id, ip, key, request_hash, instance, pointer, place, refusal,
      blamed, answer, debit_id, credit_id, today, daily_limit, monthly_limit, is_waking,
      judged, detail)),
  made as (
    insert into bank.transfers as t (business_id, id, kind, status, from_account_id, to_account_id, amount, currency,
      reference, memo, category, settled_at, created_at, updated_at, created_by, updated_by)
    select m.business_id, m.id, m.kind, 'posted', m.from_account_id, m.to_account_id, m.amount, m.currency,
      coalesce(m.reference, m.id::text), m.memo, m.category, v_at, now(), now(), m.user_id, m.user_id
    from request m where m.is_posted order by m.place
    returning t.*),
  told as (
    insert into core.audit_log (business_id, actor_user_id, session_id, request_id, ip, action, entity_type, entity_id, after)
    select m.business_id, m.user_id, m.session_id, m.request_id, m.ip, 'transfer.created', 'transfer', m.id,
      to_jsonb(r)
    from request m join made t on t.id = m.id
    -- all but what core.keep_audit leaves out; taking keys away from a document costs more than making it
    cross join lateral (select t.business_id, t.id, t.kind, t.status, t.from_account_id, t.to_account_id, t.amount, t.fee,
      t.currency, t.reference, t.memo, t.category, t.reversed_by_id, t.settled_at) r
    order by m.place),
  answered as materialized (
    select m.place, m.why, m.business_id, m.member_id, m.key, m.request_hash, (m.answer).key is not null as is_stored,
      case when (m.answer).key is not null then (m.answer).status when m.why like 'idempotency%' then 0
        when m.why is not null then 422 else 201 end as status,
      case when (m.answer).key is not null then (m.answer).response when m.why like 'idempotency%' then null
        when m.why is not null then core.problem_body(p_problems -> m.why, m.why,
          case when m.pointer is not null or m.blamed is not null then concat(m.pointer, m.blamed) end, m.detail, m.instance,
          m.request_id)
        else bank.transfer_body(t)::text end as body,
      case when (m.answer).key is not null then (m.answer).location
        when t.id is not null then '/api/v1/transfers/' || t.id end as location,
      case when (m.answer).key is not null then (m.answer).version else t.version end as version
    from request m left join made t on t.id = m.id),
  stored as (
    insert into core.idempotency_keys (business_id, member_id, key, request_hash, status, response, location, version)
    select a.business_id, a.member_id, a.key, decode(a.request_hash, 'hex'), a.status, a.body, a.location, a.version
    from answered a where a.key is not null and not a.is_stored and a.status > 0
    order by a.business_id, a.member_id, a.key
    on conflict do nothing returning 1)
  select array_agg(row(a.place, case when not a.is_stored or a.status = 0 then a.why end, a.status, a.body, a.location,
      a.version, a.is_stored)::bank.moved order by a.place),
    (select count(*) from stored), count(*) filter (where a.key is not null and not a.is_stored and a.status > 0)
  into moved, kept, due from answered a;
end $$;
