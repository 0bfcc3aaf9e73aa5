-- Runs operations of the ledger's property test inside the database, so that a hundred thousand take a minute.
create schema ledger_test;

create function ledger_test.posting_of(p_business uuid, o jsonb) returns ledger.posting language sql as $$
  select ledger.posting_of(p_business, (o ->> 'id')::uuid, (o ->> 'phase')::ledger.phase, 'test.move', null,
    o ->> 'reference',
    p_effective_at => case when (o ->> 'is_backdated')::boolean then timestamptz '2026-01-01 12:00Z' end, p_expires_at => case o ->> 'expires' when 'past' then now() - interval '1 second'
      when 'later' then now() + interval '1 day' end, p_reverses_id => (o ->> 'reverses_id')::uuid)
$$;

create function ledger_test.limits_of(p_items jsonb) returns ledger.limit_use[] language sql as $$
  select coalesce(array_agg(row(i.n, (u ->> 'account_id')::uuid, u ->> 'window', (u ->> 'start')::date,
    (u ->> 'amount')::bigint, (u ->> 'cap')::bigint)::ledger.limit_use order by i.n, k.n), '{}')
  from jsonb_array_elements(p_items) with ordinality i (o, n)
  cross join jsonb_array_elements(i.o -> 'limits') with ordinality k (u, n)
$$;

create function ledger_test.post_together(p_business uuid, p_items jsonb) returns jsonb language plpgsql as $$
declare
  v_outcomes ledger.outcome[] := ledger.post_batch(
    (select array_agg(ledger_test.posting_of(p_business, i.o) order by i.n)
     from jsonb_array_elements(p_items) with ordinality i (o, n)),
    (select array_agg(row(i.n, (l.o ->> 'account_id')::uuid, (l.o ->> 'side')::ledger.side,
       (l.o ->> 'amount')::bigint)::ledger.leg order by i.n, l.n)
     from jsonb_array_elements(p_items) with ordinality i (o, n)
     cross join jsonb_array_elements(i.o -> 'lines') with ordinality l (o, n)),
    ledger_test.limits_of(p_items));
begin
  return (select jsonb_agg(jsonb_build_object('refusal', o.refusal, 'detail', o.detail) order by o.n)
    from unnest(v_outcomes) with ordinality o (refusal, detail, n));
end $$;

create function ledger_test.do_one(p_business uuid, o jsonb) returns void language plpgsql as $$
begin
  case o ->> 'do'
    when 'post' then
      if o ->> 'reverses_id' is null then
        perform ledger.post(ledger_test.posting_of(p_business, o), o -> 'lines', ledger_test.limits_of(jsonb_build_array(o)));
      else
        perform ledger.reverse(p_business, (o ->> 'id')::uuid, (o ->> 'reverses_id')::uuid, null, null);
      end if;
    when 'resolve' then
      perform ledger.resolve(p_business, (o ->> 'id')::uuid, (o ->> 'pending_id')::uuid, (o ->> 'phase')::ledger.phase, null,
        (o ->> 'amount')::bigint);
    when 'reverse' then
      perform ledger.reverse(p_business, (o ->> 'id')::uuid, (o ->> 'transaction_id')::uuid, null, null);
    when 'status' then
      perform 1 from ledger.balances b where b.business_id = p_business and b.account_id = (o ->> 'account_id')::uuid
      order by b.shard for no key update;
      update ledger.accounts a set status = (o ->> 'status')::ledger.account_status
      where a.business_id = p_business and a.id = (o ->> 'account_id')::uuid;
  end case;
end $$;

-- Debits are credits, no account is below its floor, balances are what the entries say; null, or what does not hold.
create function ledger_test.broken(p_business uuid) returns text language sql as $$
  select coalesce(ledger.broken_balance(p_business), ledger.broken_sum(p_business))
$$;

-- Runs them in their order and says of each what became of it. Those that post are handed over together when p_together.
-- p_verify: ledger_test.broken is asked after each.
create function ledger_test.run(p_business uuid, p_operations jsonb, p_together boolean, p_verify boolean) returns jsonb
language plpgsql as $$
declare
  o jsonb; v_outcomes jsonb := '[]'; v_name text; v_detail text; v_broken text;
begin
  if p_together then return ledger_test.post_together(p_business, p_operations); end if;
  for o in select * from jsonb_array_elements(p_operations) loop
    begin
      perform ledger_test.do_one(p_business, o);
      v_name := null; v_detail := null;
    exception when check_violation or unique_violation then
      get stacked diagnostics v_name = constraint_name, v_detail = pg_exception_detail;
    end;
    v_outcomes := v_outcomes || jsonb_build_object('refusal', v_name,
      'detail', case when v_name = 'limit_exceeded' then v_detail::jsonb end);
    if p_verify then
      v_broken := ledger_test.broken(p_business);
      if v_broken is not null then raise exception 'broken after %: %', o, v_broken; end if;
    end if;
  end loop;
  return v_outcomes;
end $$;

-- Everything that the model knows too.
create function ledger_test.state(p_business uuid) returns jsonb language sql as $$
  select jsonb_build_object(
    -- posted, held to go out, held to come in, transactions
    'balances', (select jsonb_object_agg(b.id, b.posted || ' ' || b.posted - b.available || ' ' || b.pending - b.available
        || ' ' || b.version) from ledger.account_balances b where b.business_id = p_business),
    'used', (select coalesce(jsonb_object_agg(l.account_id || ' ' || l.window_kind || ' ' || l.window_start, l.used), '{}')
      from ledger.limit_usage l where l.business_id = p_business),
    'transactions', (select count(*) from ledger.transactions t where t.business_id = p_business),
    'entries', (select count(*) from ledger.entries e where e.business_id = p_business))
$$;

-- The entries of each account in their order.
create function ledger_test.entries(p_business uuid) returns jsonb language sql as $$
  select coalesce(jsonb_object_agg(e.account_id, e.entries), '{}') from (
    select e.account_id, jsonb_agg(jsonb_build_object('transaction_id', e.transaction_id, 'side', e.side,
      'amount', e.amount, 'phase', e.phase, 'after', e.balance_after) order by e.id) as entries
    from ledger.entries e where e.business_id = p_business group by e.account_id) e
$$;
