-- What requests ask of moved money: many under their own keys, many under one, and its undoing.

-- Answers requests to move money, in order; see bank.move. p_invalidation: what the call makes wrong in the cache.
create function bank.answer_movements(p_movements jsonb, p_problems jsonb, p_invalidation jsonb)
returns table (number int, status int, body text, location text, version int, is_replayed boolean) language plpgsql as $$
declare
  v_moved bank.moved[] := bank.move(p_movements, p_problems);
begin
  perform core.record_invalidation(p_invalidation);
  return query select m.place, m.status, coalesce(m.body, m.refusal), m.location, m.version, m.is_stored
    from unnest(v_moved) m order by m.place;
end $$;

-- Moves many in one request: a body with what became of each. With p_atomic one refusal undoes all of it (batch_refused).
create function bank.move_batch(p_movements jsonb, p_atomic boolean, p_problems jsonb) returns text language plpgsql as $$
declare
  v_moved bank.moved[] := bank.move(p_movements, p_problems);
begin
  if p_atomic and exists (select from unnest(v_moved) m where m.refusal is not null) then
    raise exception 'refused: batch_refused' using errcode = '23514', constraint = 'batch_refused', detail = (
      select jsonb_build_object('errors', jsonb_agg(jsonb_build_object(
        'pointer', coalesce(m.body::jsonb #>> '{errors,0,pointer}', '/items/' || m.place - 1), 'detail', m.refusal)
        order by m.place))::text
      from unnest(v_moved) m where m.refusal is not null);
  end if;
  return (
    select json_build_object('posted', count(*) filter (where m.refusal is null),
      'refused', count(*) filter (where m.refusal is not null),
      'data', json_agg(case when m.refusal is null then json_build_object('status', m.status, 'transfer', m.body::json)
        else json_build_object('status', m.status, 'problem', m.body::json) end order by m.place))::text
    from unnest(v_moved) m);
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
  if v_transfer.kind in ('withdrawal', 'internal') then
    perform ledger.release_limits(p_business, v_transfer.from_account_id, v_day, v_transfer.amount, false);
  end if;
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
