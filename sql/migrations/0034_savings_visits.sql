-- What requests ask of visits: one or many of them, their undoing, and which of them a list shows.

-- Books one visit, or raises its refusal: 201 with what it became, or 200 with what it was before. The body is made here, by a
-- statement that sees the slots that were filled.
create function savings.collect_one(p_business uuid, p_member uuid, p_own_user uuid, p_own_agent uuid, p_item jsonb,
  p_checkouts jsonb) returns table (status int, body text, id uuid, version int) language plpgsql as $$
declare
  r savings.collected;
begin
  r := (savings.collect(p_business, p_member, p_own_user, p_own_agent, jsonb_build_array(p_item), p_checkouts))[1];
  perform savings.refuse(r.refusal, r.detail);
  return query select case when r.is_new then 201 else 200 end,
      savings.collection_body(c, a.tracking_number, savings.positions_of(c))::text, c.id, c.version
    from savings.collections c join savings.accounts a on a.business_id = c.business_id and a.id = c.savings_account_id
    where c.business_id = p_business and c.id = r.collection_id;
end $$;

-- Books many in one request: a body with what became of each. With p_is_atomic one refusal undoes all of it (batch_refused).
-- p_problems: by refusal, what the catalogue says of it {code, status, title, detail, pointer?}.
create function savings.collect_batch(p_business uuid, p_member uuid, p_own_user uuid, p_own_agent uuid, p_items jsonb,
  p_checkouts jsonb, p_is_atomic boolean, p_problems jsonb, p_instance text, p_request text) returns text
language plpgsql as $$
declare
  v_collected savings.collected[] := savings.collect(p_business, p_member, p_own_user, p_own_agent, p_items, p_checkouts);
begin
  if p_is_atomic and exists (select from unnest(v_collected) r where r.refusal is not null) then
    perform savings.refuse('batch_refused', (
      select jsonb_build_object('errors', jsonb_agg(jsonb_build_object(
        'pointer', concat('/items/', r.place - 1, p_problems #>> array[r.refusal, 'pointer']),
        'detail', p_problems #>> array[r.refusal, 'code']) order by r.place))
      from unnest(v_collected) r where r.refusal is not null));
  end if;
  return (
    select json_build_object('results', json_agg(case when r.refusal is null
      then json_build_object('client_ref', p_items #>> array[(r.place - 1)::text, 'client_ref'],
        'status', case when r.is_new then 201 else 200 end, 'collection',
        savings.collection_body(c, a.tracking_number, array(
          select m.position from savings.markings m where m.business_id = c.business_id
            and m.savings_account_id = c.savings_account_id and m.collection_id = c.id order by m.position)))
      else json_build_object('client_ref', p_items #>> array[(r.place - 1)::text, 'client_ref'],
        'status', (k.problem ->> 'status')::int, 'problem', core.problem_body(k.problem, k.problem ->> 'code',
          case when k.problem ->> 'pointer' is not null then concat('/items/', r.place - 1, k.problem ->> 'pointer') end,
          r.detail, p_instance, p_request)::json) end order by r.place))::text
    from unnest(v_collected) r
    cross join lateral (select p_problems -> r.refusal as problem) k
    left join savings.collections c on c.business_id = p_business and c.id = r.collection_id
    left join savings.accounts a on a.business_id = p_business and a.id = c.savings_account_id);
end $$;

-- What a confirmed visit is undone by: the account gives back what its booking took it from, or, once an agent has handed the
-- cash over, what they owe or are owed: that is no mirror image, which alone the ledger calls a reversal.
create function savings.book_reversal(c savings.collections, p_is_remitted boolean, p_agent savings.agents, p_id uuid,
  p_reason text) returns void language plpgsql as $$
declare
  v_credit uuid := p_agent.receivable_id;
begin
  if not p_is_remitted then
    select e.account_id into v_credit from ledger.entries e
    where e.business_id = c.business_id and e.transaction_id = c.id and e.side = 'debit';
  end if;
  perform ledger.post(ledger.posting_of(c.business_id, p_id, 'single', 'savings.reversal',
      p_source_type => 'savings.collection', p_source_id => c.id, p_description => p_reason,
      p_reverses_id => case when not p_is_remitted then c.id end),
    jsonb_build_array(
      jsonb_build_object('account_id', c.savings_account_id, 'side', 'debit', 'amount', c.amount),
      jsonb_build_object('account_id', v_credit, 'side', 'credit', 'amount', c.amount)));
  if c.method = 'cash' and not p_is_remitted then
    perform savings.apply_ceiling(c.business_id, array[p_agent.cash_id]);
  end if;
end $$;

-- Undoes a visit: its slots are free again, and an account that they completed is active. Null: there is none, or not the
-- caller's. p_moves: src/savings/collection-moves.ts as JSON. p_reversal: id of the ledger transaction, where there is one.
-- Refusals: stale_version, illegal_transition, savings_role, remittance_closed, payment_request_exists, active_account_exists,
-- insufficient_funds (the cash was spent).
create function savings.reverse_collection(p_business uuid, p_member uuid, p_own_agent uuid, p_role text, p_id uuid,
  p_version int, p_moves jsonb, p_reason text, p_reversal uuid) returns savings.collections language plpgsql as $$
declare
  c savings.collections; g savings.agents; a savings.accounts; b savings.accounts; m savings.remittances; v_move jsonb;
begin
  select * into c from savings.collections x where x.business_id = p_business and x.id = p_id
    and (p_own_agent is null or x.agent_id = any (savings.agents_of(p_business, p_own_agent)));
  if not found then return null; end if;
  select * into g from savings.agents x where x.business_id = p_business and x.id = c.agent_id for no key update;
  select * into a from savings.accounts x where x.business_id = p_business and x.id = c.savings_account_id for no key update;
  select * into c from savings.collections x where x.business_id = p_business and x.id = p_id for no key update;
  select * into m from savings.remittances x where x.business_id = p_business and x.id = c.remittance_id for no key update;
  if c.version <> p_version then perform savings.refuse('stale_version'); end if;
  v_move := savings.move_of(p_moves, 'reverse', c.status::text);
  if not v_move -> 'roles' ? p_role then perform savings.refuse('savings_role'); end if;
  -- money that a provider has is no agent's to undo: it belongs to no remittance
  if v_move -> 'same_day' ? p_role and (c.business_date <> core.business_today(p_business)
    or c.status = 'confirmed' and m.status is distinct from 'open') then
    perform savings.refuse('remittance_closed');
  end if;
  if exists (select from savings.payment_requests r where r.business_id = p_business and r.savings_account_id = a.id
    and r.status in ('pending', 'approved', 'paying', 'failed', 'paid')) then
    perform savings.refuse('payment_request_exists');
  end if;
  if c.status = 'confirmed' then
    perform savings.book_reversal(c, m.status is not distinct from 'confirmed', g, p_reversal, p_reason);
    if m.status <> 'confirmed' then
      if m.expected < c.amount then perform savings.refuse('insufficient_funds'); end if;
      update savings.remittances x set expected = x.expected - c.amount where x.business_id = p_business and x.id = m.id;
    end if;
    update savings.markings x set reversed_at = now()
    where x.business_id = p_business and x.savings_account_id = a.id and x.collection_id = c.id;
    b := a;
    b.markings_paid := a.markings_paid - c.markings; b.collected := a.collected - c.amount;
    if a.status = 'completed' then b.status := 'active'; end if;
    perform savings.write_accounts(p_business, array[a], array[b]);
  end if;
  update savings.collections x set status = 'reversed', reversed_by = p_member, reversed_at = now(), reversal_reason = p_reason,
    reversal_id = case c.status when 'confirmed' then p_reversal end
  where x.business_id = p_business and x.id = p_id returning * into c;
  perform savings.tell_of_reversal(c, a.customer_id);
  return c;
end $$;

create function savings.tell_of_reversal(c savings.collections, p_customer uuid) returns void language plpgsql as $$
declare
  v_message jsonb := jsonb_build_object('type', 'collection.reversed', 'title', 'A collection was undone',
    'body', c.receipt_no || ': ' || c.reversal_reason, 'ref_type', 'collection', 'ref_id', c.id);
begin
  perform savings.notify(c.business_id, array[c.agent_id], '{}', v_message);
  perform savings.notify_customer(c.business_id, p_customer, v_message);
end $$;

-- The filters of lists of collections; null: any.
create function savings.fits(c savings.collections, p_unit uuid, p_method savings.collection_method,
  p_status savings.collection_status) returns boolean language sql immutable parallel safe
return (p_unit is null or c.unit_id = p_unit) and (p_method is null or c.method = p_method)
  and (p_status is null or c.status = p_status);
