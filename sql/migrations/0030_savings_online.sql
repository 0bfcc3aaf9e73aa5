-- Online payments: a provider's event is kept first (sql/savings/receive_event.sql) and worked on then, once, whoever comes to
-- it: the request that brought it, or the background job when that request's process died in between.

-- What keeps the money of an event from the slots that it was paid for; null: nothing. Until the slots are filled: an account
-- that is full or closed by now is found there. p_collection: as it is under its account's lock; null: nobody knows the
-- reference.
create function savings.event_fault(e savings.webhook_events, p_collection savings.collections) returns savings.event_reason
language sql stable parallel safe
return case
  when not exists (select from core.currencies k where k.code = e.currency) then 'currency_unknown'
  when p_collection.id is null then 'reference_unknown'
  when p_collection.status = 'confirmed' then 'already_confirmed'
  when p_collection.status = 'reversed' then 'collection_reversed'
  when (p_collection.amount, p_collection.currency) is distinct from (e.amount, e.currency) then 'amount_differs'
  end::savings.event_reason;

-- The business of an event that no collection tells it of: the secret's, or the only one that there is.
create function savings.event_business(e savings.webhook_events) returns uuid language sql stable parallel safe
return coalesce(e.business_id, (
  select b.id from core.businesses b where not exists (select from core.businesses o where o.id <> b.id)));

-- Books the money of an event: from the provider's account to the savings account, or to where staff look for what nobody
-- could place.
create function savings.book_event(e savings.webhook_events) returns uuid language plpgsql as $$
declare
  v_from uuid := ledger.house_account(e.business_id, 'clearing:' || e.provider, 'asset', e.currency, 16);
  v_is_parked boolean := e.result = 'parked';
  v_to uuid := case when v_is_parked then ledger.house_account(e.business_id, 'clearing:unapplied', 'liability', e.currency, 16)
    else (select c.savings_account_id from savings.collections c
      where c.business_id = e.business_id and c.id = e.collection_id) end;
  v_id uuid := case when v_is_parked then ledger.new_id() else e.collection_id end;
begin
  perform ledger.post(ledger.posting_of(e.business_id, v_id, 'single',
      case when v_is_parked then 'savings.parked' else 'savings.collection' end, null,
      p_source_type => 'savings.collection', p_source_id => e.collection_id,
      p_description => concat_ws(' ', e.provider, e.event_id, e.reason, 'reference', e.reference)),
    jsonb_build_array(jsonb_build_object('account_id', v_from, 'side', 'debit', 'amount', e.amount),
      jsonb_build_object('account_id', v_to, 'side', 'credit', 'amount', e.amount)));
  return v_id;
end $$;

-- Tells those whom the money concerns.
create function savings.tell_event(e savings.webhook_events) returns void language plpgsql as $$
declare
  c savings.collections;
begin
  select * into c from savings.collections x where x.business_id = e.business_id and x.id = e.collection_id;
  if e.result = 'parked' then
    perform savings.notify(e.business_id, '{}', '{owner,admin,manager}', jsonb_build_object('type', 'payment.parked',
      'title', 'A payment could not be booked to an account',
      'body', concat_ws(' ', e.provider, e.event_id || ':', replace(e.reason::text, '_', ' ')),
      'ref_type', case when c.id is not null then 'collection' end, 'ref_id', c.id));
    return;
  end if;
  perform savings.notify_customer(e.business_id, (select a.customer_id from savings.accounts a
      where a.business_id = c.business_id and a.id = c.savings_account_id),
    jsonb_build_object('type', 'collection.confirmed', 'title', 'Your payment has arrived', 'body', c.receipt_no,
      'ref_type', 'collection', 'ref_id', c.id));
  perform savings.notify(e.business_id, array[c.agent_id], '{}', jsonb_build_object('type', 'collection.confirmed',
    'title', 'A customer''s payment has arrived', 'body', c.receipt_no, 'ref_type', 'collection', 'ref_id', c.id));
end $$;

-- What an event that was worked on made wrong in the cache: the tags of src/savings/tags.ts (markingTags) and
-- src/ledger/tags.ts.
create function savings.event_tags(e savings.webhook_events) returns text[] language sql stable parallel safe
return array(select format('b:%s|%s', e.business_id, t.tag) from (
  select 'ledger_account:' || l.account_id from ledger.entries l
  where l.business_id = e.business_id and l.transaction_id = e.ledger_transaction_id
  union all
  select k.tag from savings.collections c cross join lateral (values ('savings_accounts'), ('savings_collections'),
    ('savings_remittances'), ('savings_account:' || c.savings_account_id)) k (tag)
  where e.result = 'confirmed' and c.business_id = e.business_id and c.id = e.collection_id) t (tag));

-- Works on an event that was kept, once: whoever comes later is told the first result. Money that has come is booked whatever
-- became of what it was meant for. p_outbox_id: of the row that tells the cache, where the caller wants to delete it after
-- delivery. Locks: the event, then as everywhere (src/savings/README.md).
create function savings.handle_event(p_provider text, p_event_id text, p_outbox_id bigint default null,
  out result savings.event_result, out reason savings.event_reason, out tags text[]) language plpgsql as $$
declare
  e savings.webhook_events; c savings.collections; v_refusal text;
begin
  select * into e from savings.webhook_events w where w.provider = p_provider and w.event_id = p_event_id for no key update;
  if e.event_id is null or e.result is not null then
    result := e.result; reason := e.reason; tags := savings.event_tags(e);
    return;
  end if;
  e.handled_at := clock_timestamp();
  if not e.is_payment then
    e.result := 'ignored';
  else
    select * into c from savings.collections x where x.provider = e.provider and x.provider_ref = e.reference
      and (e.business_id is null or x.business_id = e.business_id);
    if found then
      perform from savings.accounts a where a.business_id = c.business_id and a.id = c.savings_account_id for no key update;
      select * into c from savings.collections x where x.business_id = c.business_id and x.id = c.id;
      e.business_id := c.business_id; e.collection_id := c.id;
    end if;
    e.business_id := savings.event_business(e);
    e.reason := savings.event_fault(e, c);
    if e.reason is null then
      v_refusal := savings.fill_slots(c.business_id, c.id);
      e.reason := case v_refusal when 'account_not_open' then 'account_closed' else v_refusal end;
    end if;
    e.result := case when e.business_id is null or e.reason = 'currency_unknown' then 'unassigned'
      when e.reason is not null then 'parked' else 'confirmed' end;
    if e.result <> 'unassigned' then
      e.ledger_transaction_id := savings.book_event(e);
      perform savings.tell_event(e);
    end if;
  end if;
  result := e.result; reason := e.reason; tags := savings.event_tags(e);
  update savings.webhook_events w set business_id = e.business_id, collection_id = e.collection_id,
    ledger_transaction_id = e.ledger_transaction_id, handled_at = e.handled_at, result = e.result, reason = e.reason,
    last_error = null
  where w.provider = e.provider and w.event_id = e.event_id;
  insert into core.cache_outbox (id, tags)
  select coalesce(p_outbox_id, floor(random() * 4611686018427387904)::bigint), v.tags
  from (select handle_event.tags) v where cardinality(v.tags) > 0;
end $$;

-- Works on one event that its request left behind p_grace_s seconds ago, the longest due one; those that somebody is at are
-- passed over. One that fails is due again after a rest that doubles from 2 seconds to about an hour. Nothing: none is due.
create function savings.handle_due_event(p_grace_s int, out provider text, out event_id text, out result savings.event_result,
  out reason savings.event_reason, out error text) language plpgsql as $$
declare
  e savings.webhook_events;
begin
  select * into e from savings.webhook_events w
  where w.handled_at is null and w.next_attempt_at <= now() - make_interval(secs => p_grace_s)
  order by w.next_attempt_at limit 1 for no key update skip locked;
  provider := e.provider; event_id := e.event_id;
  if not found then return; end if;
  begin
    select h.result, h.reason into result, reason from savings.handle_event(e.provider, e.event_id) h;
  exception when others then
    get stacked diagnostics error = message_text;
    error := concat_ws(' ', sqlstate, error);
    update savings.webhook_events w set attempts = w.attempts + 1, last_error = left(error, 500),
      next_attempt_at = clock_timestamp() + make_interval(secs => 2 ^ least(w.attempts + 1, 12))
    where w.provider = e.provider and w.event_id = e.event_id;
  end;
end $$;

-- Events: each that brought money is a transaction of so much from its provider's account, and one that is confirmed is that
-- of its collection. The first that is not (see savings.verify).
create function savings.broken_event(p_business uuid) returns text language sql stable as $$
  select format('event %s of %s is %s, and not in the ledger as that', e.event_id, e.provider, e.result)
  from savings.webhook_events e
  where e.business_id = p_business and e.result in ('confirmed', 'parked')
    and (e.result = 'confirmed' and e.ledger_transaction_id is distinct from e.collection_id or not exists (
      select from ledger.entries l join ledger.accounts a on a.business_id = l.business_id and a.id = l.account_id
      where l.business_id = e.business_id and l.transaction_id = e.ledger_transaction_id and l.side = 'debit'
        and l.amount = e.amount and l.currency = e.currency
        and a.code = ledger.house_code(p_business, 'clearing:' || e.provider, e.currency)))
  order by e.received_at, e.provider, e.event_id limit 1
$$;
