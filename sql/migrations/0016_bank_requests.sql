-- Requests to move money, each under its own key, many in one call: what core.begin_act and core.end_act are for one.

create type bank.keyed_answer as (n int, status smallint, body text, location text, version int, request_hash text);

-- Takes the keys. Of each request: null when it is new, its answer when it was answered before, and status 0 with the name
-- of the refusal as body when its key is in use (idempotency_in_progress, also by an earlier request of the same call) or was
-- used for another request (idempotency_mismatch).
create function bank.claim_keys(p_movements bank.movement[]) returns bank.keyed_answer[] language plpgsql as $$
declare
  v_taken boolean[];
begin
  -- held to the end of the transaction: see core.begin_act. Never waited for, so their order does not matter.
  v_taken := (select array_agg(pg_try_advisory_xact_lock(hashtextextended(
      concat_ws('/', 'idempotency', m.business_id, m.member_id, m.key), 0)))
    from unnest(p_movements) m);
  return (
    select array_agg(case
        when not m.taken then row(m.n, 0, 'idempotency_in_progress', null, null, null)::bank.keyed_answer
        when k.request_hash is null and m.earlier > 0
          then row(m.n, 0, 'idempotency_in_progress', null, null, null)::bank.keyed_answer
        when k.request_hash <> decode(m.request_hash, 'hex')
          then row(m.n, 0, 'idempotency_mismatch', null, null, null)::bank.keyed_answer
        when k.request_hash is not null
          then row(m.n, k.status, k.response, k.location, k.version, null)::bank.keyed_answer end order by m.n)
    from (
      select m.*, row_number() over (partition by m.business_id, m.member_id, m.key order by m.n) - 1 as earlier
      from rows from (unnest(p_movements), unnest(v_taken)) with ordinality m (business_id, id, kind, from_account_id,
        to_account_id, amount, currency, reference, memo, category, own_user_id, user_id, member_id, session_id, request_id,
        ip, key, request_hash, instance, taken, n)) m
    left join core.idempotency_keys k on k.business_id = m.business_id and k.member_id = m.member_id and k.key = m.key);
end $$;

-- Answers requests to move money, in order: posted (201), refused (422, a problem document), or answered before. Effects and
-- answers commit together. p_invalidation: what the call makes wrong in the cache.
create function bank.answer_movements(p_movements jsonb, p_problems jsonb, p_invalidation jsonb)
returns table (number int, status int, body text, location text, version int, is_replayed boolean) language plpgsql as $$
declare
  v_movements bank.movement[] := (
    select array_agg(m order by o.n) from rows from (jsonb_array_elements(p_movements)) with ordinality o (value, n),
      lateral jsonb_populate_record(null::bank.movement, o.value) m);
  v_answers bank.keyed_answer[] := bank.claim_keys(v_movements);
  v_numbers int[]; v_fresh bank.movement[]; v_moved bank.moved[];
begin
  select array_agg(m.n order by m.n), array_agg(v_movements[m.n] order by m.n) into v_numbers, v_fresh
  from generate_subscripts(v_movements, 1) m (n) where v_answers[m.n] is null;
  if v_fresh is not null then
    v_moved := bank.move(v_fresh);
    perform core.record_invalidation(p_invalidation);
  end if;
  return query
  with fresh as (
    select v_numbers[d.n] as n, m.business_id, m.member_id, m.key, m.request_hash,
      case when d.refusal is null then 201 else 422 end as status,
      coalesce(d.body, core.problem_body(p_problems -> d.refusal, d.refusal, d.pointer, d.detail, m.instance, m.request_id))
        as body,
      case when d.refusal is null then '/api/v1/transfers/' || m.id end as location,
      case when d.refusal is null then 1 end as version
    from rows from (unnest(v_fresh), unnest(v_moved)) m (business_id, id, kind, from_account_id, to_account_id, amount,
      currency, reference, memo, category, own_user_id, user_id, member_id, session_id, request_id, ip, key, request_hash,
      instance, n, refusal, pointer, detail, body), lateral (select m.n, m.refusal, m.pointer, m.detail, m.body) d),
  stored as (
    insert into core.idempotency_keys (business_id, member_id, key, request_hash, status, response, location, version)
    select f.business_id, f.member_id, f.key, decode(f.request_hash, 'hex'), f.status, f.body, f.location, f.version
    from fresh f)
  select f.n, f.status, f.body, f.location, f.version, false from fresh f
  union all
  select a.n, a.status::int, a.body, a.location, a.version, true from unnest(v_answers) a where a.n is not null
  order by 1;
end $$;

-- Moves many in one request: a body with what became of each. With p_atomic one refusal undoes all of it (batch_refused).
create function bank.move_batch(p_movements jsonb, p_atomic boolean, p_problems jsonb) returns text language plpgsql as $$
declare
  v_movements bank.movement[] := (
    select array_agg(m order by o.n) from rows from (jsonb_array_elements(p_movements)) with ordinality o (value, n),
      lateral jsonb_populate_record(null::bank.movement, o.value) m);
  v_moved bank.moved[] := bank.move(v_movements);
begin
  if p_atomic and exists (select from unnest(v_moved) d where d.refusal is not null) then
    raise exception 'refused: batch_refused' using errcode = '23514', constraint = 'batch_refused', detail = (
      select jsonb_build_object('errors', jsonb_agg(jsonb_build_object(
        'pointer', '/items/' || d.n - 1 || coalesce(d.pointer, ''), 'detail', d.refusal) order by d.n))::text
      from unnest(v_moved) d where d.refusal is not null);
  end if;
  return (
    select json_build_object('posted', count(*) filter (where d.refusal is null),
      'refused', count(*) filter (where d.refusal is not null),
      'data', json_agg(case when d.refusal is null then json_build_object('status', 201, 'transfer', d.body::json)
        else json_build_object('status', 422, 'problem', core.problem_body(p_problems -> d.refusal, d.refusal,
          '/items/' || d.n - 1 || coalesce(d.pointer, ''), d.detail, v_movements[d.n].instance,
          v_movements[d.n].request_id)::json) end order by d.n))::text
    from unnest(v_moved) d);
end $$;

-- Undoes a posted transfer: see ledger.reverse. What it used of its account's limits is given back. Null: not there.
create function bank.reverse_transfer(p_business uuid, p_transfer uuid, p_reversal uuid, p_reason text)
returns bank.transfers language plpgsql as $$
declare
  v_transfer bank.transfers; v_day date;
begin
  select * into v_transfer from bank.transfers t where t.business_id = p_business and t.id = p_transfer for update;
  if not found then return null; end if;
  perform ledger.raise_refusal(row(case
    when v_transfer.status = 'reversed' then 'already_reversed'
    when v_transfer.status <> 'posted' or v_transfer.kind = 'wire' then 'not_reversible' end, null)::ledger.outcome);
  perform ledger.reverse(p_business, p_reversal, p_transfer, p_reason);
  v_day := (v_transfer.created_at at time zone (select b.timezone from core.businesses b where b.id = p_business))::date;
  update ledger.limit_usage l set used = greatest(l.used - v_transfer.amount, 0)
  where v_transfer.kind in ('withdrawal', 'internal') and l.business_id = p_business
    and l.account_id = v_transfer.from_account_id
    and (l.window_kind, l.window_start) in (('day', v_day), ('month', date_trunc('month', v_day)::date));
  update bank.transfers t set status = 'reversed', reversed_by_id = p_reversal
  where t.business_id = p_business and t.id = p_transfer returning * into v_transfer;
  return v_transfer;
end $$;

-- Whether one of these accounts belongs to a customer whom this person is.
create function bank.is_own(p_business uuid, p_user uuid, p_from uuid, p_to uuid) returns boolean
language sql stable parallel safe as $$
  select exists (
    select from bank.accounts a join core.customers c on c.business_id = a.business_id and c.id = a.customer_id
    where a.business_id = p_business and a.id in (p_from, p_to) and c.user_id = p_user)
$$;

-- The least UUIDv7 of an instant (RFC 9562, 5.7): 48 bits of milliseconds. Null for null.
create function core.uuid_at(p_at timestamptz) returns uuid language sql immutable parallel safe as $$
  select (lpad(to_hex(floor(extract(epoch from p_at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;

-- The filters of lists of transfers; null: any. p_pattern is escaped for LIKE.
create function bank.fits(t bank.transfers, p_kinds bank.transfer_kind[], p_statuses bank.transfer_status[],
  p_from timestamptz, p_to timestamptz, p_min bigint, p_max bigint, p_category text, p_pattern text) returns boolean
language sql immutable parallel safe as $$
  select (p_kinds is null or cardinality(p_kinds) = 0 or t.kind = any (p_kinds))
    and (p_statuses is null or cardinality(p_statuses) = 0 or t.status = any (p_statuses))
    and (p_from is null or t.created_at >= p_from) and (p_to is null or t.created_at < p_to)
    and (p_min is null or t.amount >= p_min) and (p_max is null or t.amount <= p_max)
    and (p_category is null or t.category = p_category)
    and (p_pattern is null or t.memo ilike '%' || p_pattern || '%' or t.reference like p_pattern || '%')
$$;
