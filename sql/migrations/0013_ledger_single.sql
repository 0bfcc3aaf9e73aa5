-- One transaction at a time, for statements that are no hot path: a refusal is raised, and undoes the statement.

-- An account of this code, made when it is not there: the house's own accounts and those of a module's records. An
-- account in another currency than its code was made for is refused (account_currency).
create function ledger.ensure_account(p_business uuid, p_code text, p_kind ledger.account_kind, p_currency char(3),
  p_shards int default 1, p_overdraft_limit bigint default null, p_id uuid default gen_random_uuid(),
  p_owner_type text default null, p_owner_id uuid default null) returns uuid language plpgsql as $$
declare
  v_account ledger.accounts;
begin
  select * into v_account from ledger.accounts a where a.business_id = p_business and a.code = p_code;
  if not found then
    insert into ledger.accounts (business_id, id, code, kind, currency, shards, owner_type, owner_id)
    values (p_business, p_id, p_code, p_kind, p_currency, p_shards, p_owner_type, p_owner_id)
    on conflict on constraint ledger_accounts_code_uq do nothing returning * into v_account;
    if v_account.id is null then                         -- somebody made it in this moment
      select * into v_account from ledger.accounts a where a.business_id = p_business and a.code = p_code;
    else
      insert into ledger.balances (business_id, account_id, shard, normal_side, overdraft_limit)
      select p_business, v_account.id, s, v_account.normal_side, p_overdraft_limit
      from generate_series(0, p_shards - 1) s;
    end if;
  end if;
  if v_account.currency <> p_currency then
    raise exception 'the account is in another currency' using errcode = '23514', constraint = 'account_currency';
  end if;
  return v_account.id;
end $$;

-- The house's account of a purpose in a currency: cash:vault in the currency of the business, cash:vault:usd beside it.
create function ledger.house_code(p_business uuid, p_purpose text, p_currency char(3)) returns text
language sql stable parallel safe as $$
  select p_purpose || case when b.currency = p_currency then '' else ':' || lower(p_currency) end
  from core.businesses b where b.id = p_business
$$;

create function ledger.house_account(p_business uuid, p_purpose text, p_kind ledger.account_kind, p_currency char(3),
  p_shards int default 1) returns uuid language sql volatile as $$
  select ledger.ensure_account(p_business, ledger.house_code(p_business, p_purpose, p_currency), p_kind, p_currency, p_shards)
$$;

-- Raises an outcome that is a refusal, under its name, with what may be told of it as detail (JSON).
create function ledger.raise_refusal(p_outcome ledger.outcome) returns void language plpgsql immutable as $$
begin
  if p_outcome.refusal is not null then
    raise exception 'refused: %', p_outcome.refusal
      using errcode = '23514', constraint = p_outcome.refusal, detail = coalesce(p_outcome.detail::text, '');
  end if;
end $$;

-- Posts one transaction, or raises its refusal (see ledger.post_batch). Returns its id.
-- p_lines: [{"account_id": uuid, "side": "debit|credit", "amount": minor units}]
create function ledger.post(p_posting ledger.posting, p_lines jsonb, p_limits ledger.limit_use[] default '{}')
returns uuid language plpgsql as $$
declare
  v_outcomes ledger.outcome[];
begin
  v_outcomes := ledger.post_batch(array[p_posting],
    (select array_agg(row(1, l.account_id, l.side, l.amount)::ledger.leg order by l.n)
     from rows from (jsonb_to_recordset(p_lines) as (account_id uuid, side ledger.side, amount bigint))
       with ordinality l (account_id, side, amount, n)), p_limits);
  perform ledger.raise_refusal(v_outcomes[1]);
  return p_posting.id;
end $$;

-- A posting with the members that most callers set. effective_at: now.
create function ledger.posting_of(p_business uuid, p_id uuid, p_phase ledger.phase, p_kind text,
  p_by uuid default core.app_setting('user_id')::uuid, p_reference text default null, p_source_type text default null,
  p_source_id uuid default null, p_description text default null, p_effective_at timestamptz default null,
  p_expires_at timestamptz default null, p_reverses_id uuid default null, p_metadata jsonb default '{}')
returns ledger.posting language sql stable as $$
  select row(p_business, p_id, p_phase, p_kind, p_reference, p_source_type, p_source_id, p_description, p_metadata,
    p_effective_at, p_expires_at, p_by, p_reverses_id)::ledger.posting
$$;

-- Ends a hold, once: `post` moves the money (p_amount: only so much of a hold of two legs; what is left is released),
-- `void` and `expire` release it. Settling does not ask whether the account is open: the money was set aside before.
-- Refusals: not_found (no such transaction), not_pending, already_resolved, pending_expired (posting after its time),
-- partial_amount.
create function ledger.resolve(p_business uuid, p_id uuid, p_pending uuid, p_phase ledger.phase,
  p_by uuid default core.app_setting('user_id')::uuid, p_amount bigint default null) returns uuid language plpgsql as $$
declare
  v_hold ledger.transactions; v_at timestamptz; v_refusal text;
begin
  perform 1 from ledger.balances b
  where (b.business_id, b.account_id, b.shard) in (
    select e.business_id, e.account_id, e.shard from ledger.entries e
    where e.business_id = p_business and e.transaction_id = p_pending)
  order by b.business_id, b.account_id, b.shard for no key update;
  v_at := clock_timestamp();
  select * into v_hold from ledger.transactions t where t.business_id = p_business and t.id = p_pending;
  v_refusal := case
    when v_hold.id is null then 'transaction_not_found'
    when v_hold.phase <> 'pending' then 'not_pending'
    when exists (select from ledger.transactions t where t.business_id = p_business and t.pending_id = p_pending)
      then 'already_resolved'
    when p_phase = 'post' and v_hold.expires_at <= v_at then 'pending_expired'
    when p_amount is not null and (p_phase <> 'post' or p_amount <= 0 or (
      select count(*) <> 2 or min(e.amount) < p_amount from ledger.entries e
      where e.business_id = p_business and e.transaction_id = p_pending)) then 'partial_amount' end;
  perform ledger.raise_refusal(row(v_refusal, null)::ledger.outcome);
  insert into ledger.transactions (business_id, id, phase, kind, pending_id, source_type, source_id, effective_at, posted_at,
    created_by)
  values (p_business, p_id, p_phase, v_hold.kind, p_pending, v_hold.source_type, v_hold.source_id, v_at, v_at, p_by);
  perform ledger.settle_legs(p_business, p_id, p_pending, p_phase, p_amount, v_at);
  return p_id;
end $$;

create function ledger.settle_legs(p_business uuid, p_id uuid, p_pending uuid, p_phase ledger.phase, p_amount bigint,
  p_at timestamptz) returns void language sql as $$
  with leg as (
    select e.*, a.normal_side, a.shards,
      case when p_phase = 'post' then coalesce(p_amount, e.amount) else 0 end as taken
    from ledger.entries e join ledger.accounts a on a.business_id = e.business_id and a.id = e.account_id
    where e.business_id = p_business and e.transaction_id = p_pending),
  moved as (
    update ledger.balances b set
      pending_debit = b.pending_debit - s.held_debit, pending_credit = b.pending_credit - s.held_credit,
      posted_debit = b.posted_debit + s.taken_debit, posted_credit = b.posted_credit + s.taken_credit,
      version = b.version + 1, updated_at = p_at
    from (
      select l.account_id, l.shard,
        coalesce(sum(l.amount) filter (where l.side = 'debit'), 0) as held_debit,
        coalesce(sum(l.amount) filter (where l.side = 'credit'), 0) as held_credit,
        coalesce(sum(l.taken) filter (where l.side = 'debit'), 0) as taken_debit,
        coalesce(sum(l.taken) filter (where l.side = 'credit'), 0) as taken_credit
      from leg l group by l.account_id, l.shard) s
    where b.business_id = p_business and b.account_id = s.account_id and b.shard = s.shard
    returning b.account_id, b.shard,
      case b.normal_side when 'credit' then b.posted_credit - b.posted_debit else b.posted_debit - b.posted_credit end as posted)
  insert into ledger.entries (business_id, account_id, transaction_id, shard, side, amount, currency, phase, effective_at,
    balance_after)
  select p_business, l.account_id, p_id, l.shard, l.side, case when p_phase = 'post' then l.taken else l.amount end,
    l.currency, p_phase, p_at,
    -- what the legs of the same account after this one will add is not in it yet
    case when l.shards = 1 and p_phase = 'post' then m.posted - coalesce(
      sum(case when l.side = l.normal_side then l.taken else -l.taken end) over (
        partition by l.account_id order by l.id rows between 1 following and unbounded following), 0) end
  from leg l join moved m on m.account_id = l.account_id and m.shard = l.shard order by l.id
$$;

-- A posted transaction is undone once, by its mirror image; a reversal is never reversed. Returns the reversal's id.
-- Refusals: transaction_not_found, not_reversible, already_reversed, and those of ledger.post_batch.
create function ledger.reverse(p_business uuid, p_id uuid, p_transaction uuid, p_description text default null,
  p_by uuid default core.app_setting('user_id')::uuid) returns uuid language plpgsql as $$
declare
  v_transaction ledger.transactions; v_lines jsonb;
begin
  select * into v_transaction from ledger.transactions t where t.business_id = p_business and t.id = p_transaction;
  perform ledger.raise_refusal(row(case
    when not found then 'transaction_not_found'
    when v_transaction.phase not in ('single', 'post') or v_transaction.reverses_id is not null then 'not_reversible'
  end, null)::ledger.outcome);
  select jsonb_agg(jsonb_build_object('account_id', e.account_id, 'amount', e.amount,
      'side', case e.side when 'debit' then 'credit' else 'debit' end) order by e.id)
  into v_lines from ledger.entries e where e.business_id = p_business and e.transaction_id = p_transaction;
  return ledger.post(ledger.posting_of(p_business, p_id, 'single', v_transaction.kind || '.reversal', p_by,
    p_source_type => coalesce(v_transaction.source_type, 'ledger.transaction'),
    p_source_id => coalesce(v_transaction.source_id, p_transaction),
    p_description => p_description, p_reverses_id => p_transaction), v_lines);
end $$;

-- A UUIDv7 (RFC 9562), for transactions that nobody asked for: pages go by time.
create function ledger.new_id() returns uuid language sql volatile as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1),
    'hex')::uuid
$$;

-- Expires up to p_max holds whose time passed after p_since, and says in the cache's outbox which accounts they held money
-- of. One call at a time: another one expires nothing. Returns how many, and since when to look next time: no hold that
-- has to expire is older.
create function ledger.expire_holds(p_max int, p_since timestamptz, out expired int, out since timestamptz)
language plpgsql as $$
declare
  v_holds ledger.transactions[]; v_hold ledger.transactions; v_ended ledger.transactions[] := '{}';
begin
  expired := 0; since := p_since;
  if not pg_try_advisory_xact_lock(hashtextextended('ledger.expire_holds', 0)) then return; end if;
  v_holds := array(
    select t from ledger.transactions t
    where t.expires_at <= now() and t.expires_at >= p_since and not exists (
      select from ledger.transactions x where x.business_id = t.business_id and x.pending_id = t.id)
    order by t.expires_at limit p_max);
  -- all of them in the one order in which rows are locked
  perform 1 from ledger.balances b
  where (b.business_id, b.account_id, b.shard) in (
    select e.business_id, e.account_id, e.shard
    from unnest(v_holds) h join ledger.entries e on e.business_id = h.business_id and e.transaction_id = h.id)
  order by b.business_id, b.account_id, b.shard for no key update;
  foreach v_hold in array v_holds loop
    begin
      perform ledger.resolve(v_hold.business_id, ledger.new_id(), v_hold.id, 'expire', null);
      v_ended := v_ended || v_hold;
    exception when check_violation then null;            -- settled in this moment
    end;
  end loop;
  perform core.invalidate(array(
    select distinct format('b:%s|ledger_account:%s', e.business_id, e.account_id)
    from unnest(v_ended) h join ledger.entries e on e.business_id = h.business_id and e.transaction_id = h.id));
  expired := cardinality(v_ended);
  -- an hour: one that was made meanwhile, and that nobody sees yet, may have passed already
  since := case when cardinality(v_holds) < p_max then now() - interval '1 hour' else (v_holds[1]).expires_at end;
end $$;

-- A refusal as the problem document that its client is sent, with its members in the order that all problems have.
-- p_problem: what the catalogue says of it; p_detail: members of this refusal alone.
create function core.problem_body(p_problem jsonb, p_refusal text, p_pointer text, p_detail jsonb, p_instance text,
  p_request_id text) returns text language sql immutable as $$
  select '{"type":' || to_json('/docs/errors#' || p_refusal) || ',"title":' || (p_problem -> 'title')
    || ',"status":' || (p_problem -> 'status') || ',"detail":' || (p_problem -> 'detail')
    || ',"instance":' || to_json(p_instance) || ',"code":' || to_json(p_refusal) || ',"request_id":' || to_json(p_request_id)
    || case when p_detail is null then '' else ',' || trim(both '{}' from p_detail::text) end
    || case when p_pointer is null then '' else ',"errors":' || json_build_array(json_build_object(
         'pointer', p_pointer, 'detail', p_problem -> 'detail')) end
    || '}'
$$;
