-- How savings are paid back: where to, who is responsible for a request, how it moves with its money, what agents earn.

--------------------------------------------------------------------------------------------------------- destinations
create function savings.destination_body(d savings.payment_destinations) returns json language sql stable parallel safe as $$
  select json_build_object('id', d.id, 'customer_id', d.customer_id,
    'method', case when d.bank_account_id is null then 'bank' else 'wallet' end::savings.payment_method,
    'bank_name', d.bank_name, 'bank_code', d.bank_code, 'account_number', d.account_number, 'account_name', d.account_name,
    'bank_account_id', d.bank_account_id, 'version', d.version, 'created_at', core.iso(d.created_at),
    'updated_at', core.iso(d.updated_at)) $$;

-- Keeps where a customer is paid: an account at another bank, or one of ours that is the customer's and not closed.
-- p_own_user: whose customers are meant; null for all. p_given: customer_id, and either bank_name, bank_code,
-- account_number, account_name, or bank_account_id.
-- Refusals: destinations_customer_fk, destinations_wallet_fk, and the constraints of the table.
create function savings.add_destination(p_business uuid, p_own_user uuid, p_id uuid, p_given jsonb)
returns savings.payment_destinations language plpgsql as $$
declare
  v_given savings.payment_destinations := jsonb_populate_record(null::savings.payment_destinations, p_given);
  v_destination savings.payment_destinations;
begin
  if not exists (select from core.customers o where o.business_id = p_business and o.id = v_given.customer_id
    and (p_own_user is null or o.user_id = p_own_user)) then perform savings.refuse('destinations_customer_fk'); end if;
  if v_given.bank_account_id is not null and not exists (
    select from bank.accounts w join core.businesses b on b.id = w.business_id and b.currency = w.currency
    where w.business_id = p_business and w.id = v_given.bank_account_id and w.customer_id = v_given.customer_id
      and w.status <> 'closed') then perform savings.refuse('destinations_wallet_fk'); end if;
  insert into savings.payment_destinations (business_id, id, customer_id, bank_name, bank_code, account_number, account_name,
    bank_account_id)
  values (p_business, p_id, v_given.customer_id, v_given.bank_name, upper(v_given.bank_code),
    -- as computers exchange it: people group it by spaces and dashes
    upper(translate(v_given.account_number, ' -', '')), v_given.account_name, v_given.bank_account_id)
  returning * into v_destination;
  return v_destination;
end $$;

-- Takes a destination off its customer's list. No row: not there, or another version. Whoever asks for a payment holds its
-- row too, so that nothing is under way to what is removed.
-- Refusal: destination_in_use.
create function savings.remove_destination(p_business uuid, p_own_user uuid, p_id uuid, p_version int)
returns setof uuid language plpgsql as $$
begin
  perform 1 from savings.payment_destinations d
  where d.business_id = p_business and d.id = p_id and d.deleted_at is null and (p_version is null or d.version = p_version)
    and (p_own_user is null or exists (select from core.customers o
      where o.business_id = d.business_id and o.id = d.customer_id and o.user_id = p_own_user))
  for update;
  if not found then return; end if;
  if exists (select from savings.payment_requests r where r.business_id = p_business and r.destination_id = p_id
    and r.status in ('pending', 'approved', 'paying', 'failed')) then perform savings.refuse('destination_in_use'); end if;
  update savings.payment_destinations d set deleted_at = now() where d.business_id = p_business and d.id = p_id;
  return next p_id;
end $$;

------------------------------------------------------------------------------------------------- what a request comes to
-- Who earns a commission, minor units: whoever is responsible for the account (savings.find_agent) and, of a sub-agent's
-- part, the agent above. Parts are floored; the rest is the house's.
create type savings.shares as (agent_id uuid, agent_amount bigint, parent_agent_id uuid, parent_amount bigint,
  house_amount bigint);

create function savings.shares_of(a savings.accounts, p_commission bigint) returns savings.shares
language sql stable parallel safe as $$
  select row(s.id, s.agent_amount, s.parent_member_id, s.parent_amount, p_commission - s.agent_amount - s.parent_amount)
    ::savings.shares
  from (
    select m.id, m.parent_member_id,
      div(p_commission::numeric * a.agent_share_bps * (10000 - k.parent_bps), 100000000)::bigint as agent_amount,
      div(p_commission::numeric * a.agent_share_bps * k.parent_bps, 100000000)::bigint as parent_amount
    from core.memberships m
    cross join lateral (
      select case when m.parent_member_id is null then 0 else a.parent_share_bps end as parent_bps) k
    where m.business_id = a.business_id and m.id = savings.find_agent(a.business_id, a.agent_id, a.unit_id)) s
$$;

-- The business's date on which an account is settled: that of its early closing, which is when an early fee is or is not
-- due, else today.
create function savings.settled_on(a savings.accounts) returns date language sql stable parallel safe
return (select (case when a.status = 'closed_early' then coalesce(a.closed_at, now()) else now() end at time zone b.timezone)::date
  from core.businesses b where b.id = a.business_id);

-- Why an account pays nothing on those terms, beside a request that is live; null: it does. Only while it is filled it can
-- be asked to be filled further: what is closed pays what it has.
create function savings.payment_refusal(a savings.accounts, s savings.settled) returns ledger.outcome
language sql stable parallel safe
return case when s.net <= 0 or a.status = 'cancelled' then row('nothing_to_pay', null)::ledger.outcome
  when a.status = 'active' and a.markings_paid < a.min_markings_before_payment then row('too_few_markings',
    jsonb_build_object('required', a.min_markings_before_payment, 'paid', a.markings_paid))::ledger.outcome end;

------------------------------------------------------------------------------------------------------------- requests
-- Its parts are given, so that a list is one plan. p_of_customer: as its customer sees it, who is not told who earns what.
create function savings.payment_request_body(r savings.payment_requests, a savings.accounts, d savings.payment_destinations,
  p_of_customer boolean) returns json language sql stable parallel safe as $$
  select json_build_object('id', r.id, 'reference', r.reference, 'status', r.status,
    'savings_account_id', r.savings_account_id, 'tracking_number', a.tracking_number, 'customer_id', r.customer_id,
    'agent_id', r.agent_id, 'unit_id', r.unit_id, 'method', r.method, 'destination_id', r.destination_id,
    'destination', case when r.destination_id is not null then savings.destination_body(d) end,
    'gross', r.gross, 'commission', r.commission, 'fees', r.fees, 'net', r.net, 'currency', r.currency,
    'agent_amount', case when not p_of_customer then r.agent_amount end,
    'parent_agent_id', case when not p_of_customer then r.parent_agent_id end,
    'parent_amount', case when not p_of_customer then r.parent_amount end,
    'requested_by', r.requested_by, 'decided_by', r.decided_by, 'decided_at', core.iso(r.decided_at),
    'paid_by', r.paid_by, 'paid_at', core.iso(r.paid_at), 'reason', r.reason, 'failure_code', r.failure_code,
    'provider', r.provider, 'provider_ref', r.provider_ref, 'ledger_transaction_id', r.ledger_transaction_id,
    'version', r.version, 'created_at', core.iso(r.created_at), 'updated_at', core.iso(r.updated_at)) $$;

create function savings.payment_request_detail(p_business uuid, p_id uuid, p_of_customer boolean) returns json
language sql stable parallel safe as $$
  select savings.payment_request_body(r, a, d, p_of_customer)
  from savings.payment_requests r
  join savings.accounts a on a.business_id = r.business_id and a.id = r.savings_account_id
  left join savings.payment_destinations d on d.business_id = r.business_id and d.id = r.destination_id
  where r.business_id = p_business and r.id = p_id
$$;

-- Whether a member sees a request: all of the business (both null), those of their own customers, or of their agents.
create function savings.is_payment_seen(r savings.payment_requests, p_own_user uuid, p_own_agent uuid) returns boolean
language sql stable parallel safe
return (p_own_agent is null or r.agent_id = any ((select savings.agents_of(r.business_id, p_own_agent))::uuid[]))
  and (p_own_user is null or exists (select from core.customers o
    where o.business_id = r.business_id and o.id = r.customer_id and o.user_id = p_own_user));

-- Tells who is concerned what became of a request: the customer, who asked, and the agent; who acts is not told.
create function savings.tell_of_payment(r savings.payment_requests) returns void language sql volatile as $$
  with told as (select jsonb_build_object('type', 'payment_request.' || r.status, 'title', case r.status
      when 'pending' then 'A payment was requested' when 'paying' then 'A payment is on its way'
      when 'failed' then 'A payment failed' when 'cancelled' then 'A payment request was taken back'
      else 'A payment request was ' || r.status end,
    'body', concat_ws(': ', r.reference, r.reason), 'ref_type', 'payment_request', 'ref_id', r.id) as notification)
  select savings.notify(r.business_id, array(
      select m.id from core.memberships m where m.business_id = r.business_id
        and (m.id = r.agent_id or m.user_id = r.requested_by)
        -- who is the customer is told as such
        and not exists (select from core.customers o where o.business_id = r.business_id and o.id = r.customer_id
          and o.user_id = m.user_id)), '{}', t.notification),
    savings.notify_customer(r.business_id, r.customer_id, t.notification)
  from told t
$$;

-- The account that a payment is asked of, locked; the agents who will earn have their accounts in the ledger then, because
-- agents are locked before accounts. Refusal: payment_request_account.
create function savings.lock_payable(p_business uuid, p_own_user uuid, p_own_agent uuid, p_account uuid)
returns savings.accounts language plpgsql as $$
declare
  a savings.accounts; h savings.shares;
begin
  select x.* into a from savings.accounts x
  where x.business_id = p_business and x.id = p_account and savings.is_seen_by(x, p_own_user, p_own_agent);
  if not found then perform savings.refuse('payment_request_account'); end if;
  h := savings.shares_of(a, 0);
  perform savings.agent(p_business, h.agent_id);
  if h.parent_agent_id is not null then perform savings.agent(p_business, h.parent_agent_id); end if;
  select x.* into a from savings.accounts x where x.business_id = p_business and x.id = p_account for no key update;
  return a;
end $$;

-- The hold of a request: what the account has is set aside for the customer and for those who earn.
create function savings.hold_payment(r savings.payment_requests) returns void language plpgsql as $$
declare
  v_lines jsonb := jsonb_build_array(jsonb_build_array(r.savings_account_id, 'debit', r.gross),
    jsonb_build_array(ledger.house_account(r.business_id, 'clearing:payments', 'liability', r.currency, 8), 'credit', r.net));
begin
  if r.agent_amount > 0 then
    v_lines := v_lines || jsonb_build_array(jsonb_build_array(
      (savings.agent(r.business_id, r.agent_id)).commission_id, 'credit', r.agent_amount));
  end if;
  if r.parent_amount > 0 then
    v_lines := v_lines || jsonb_build_array(jsonb_build_array(
      (savings.agent(r.business_id, r.parent_agent_id)).commission_id, 'credit', r.parent_amount));
  end if;
  if r.commission > r.agent_amount + r.parent_amount then
    v_lines := v_lines || jsonb_build_array(jsonb_build_array(
      ledger.house_account(r.business_id, 'income:commission', 'income', r.currency, 8), 'credit',
      r.commission - r.agent_amount - r.parent_amount));
  end if;
  if r.fees > 0 then
    v_lines := v_lines || jsonb_build_array(jsonb_build_array(
      ledger.house_account(r.business_id, 'income:fees', 'income', r.currency, 8), 'credit', r.fees));
  end if;
  perform ledger.post(ledger.posting_of(r.business_id, r.id, 'pending', 'savings.payment',
      p_source_type => 'savings.account', p_source_id => r.savings_account_id),
    (select jsonb_agg(jsonb_build_object('account_id', l -> 0, 'side', l -> 1, 'amount', l -> 2))
     from jsonb_array_elements(v_lines) l));
end $$;

-- Asks for what an account has saved, and holds it. An active account is closed early by it, and stays so whatever becomes
-- of the request. Agent and shares are found here: nobody sends them.
-- p_own_user, p_own_agent: whose accounts are meant. p_given: savings_account_id, method, destination_id.
-- Refusals: payment_request_account, payment_request_exists, nothing_to_pay, too_few_markings {required, paid},
-- destination_required, payment_request_destination, and those of ledger.post.
create function savings.request_payment(p_business uuid, p_user uuid, p_own_user uuid, p_own_agent uuid, p_id uuid,
  p_given jsonb) returns json language plpgsql as $$
declare
  a savings.accounts; s savings.settled; h savings.shares; r savings.payment_requests;
  v_method savings.payment_method := p_given ->> 'method'; v_destination uuid := p_given ->> 'destination_id';
begin
  a := savings.lock_payable(p_business, p_own_user, p_own_agent, (p_given ->> 'savings_account_id')::uuid);
  if exists (select from savings.payment_requests x where x.business_id = p_business and x.savings_account_id = a.id
    and x.status in ('pending', 'approved', 'paying', 'failed', 'paid')) then
    perform savings.refuse('payment_request_exists');
  end if;
  s := savings.settlement(a, savings.settled_on(a));
  perform ledger.raise_refusal(savings.payment_refusal(a, s));
  if v_destination is not null then
    perform 1 from savings.payment_destinations d
    where d.business_id = p_business and d.id = v_destination and d.customer_id = a.customer_id and d.deleted_at is null
      and v_method = case when d.bank_account_id is null then 'bank' else 'wallet' end::savings.payment_method for share;
    if not found then perform savings.refuse('payment_request_destination'); end if;
  end if;
  h := savings.shares_of(a, s.commission);
  update savings.accounts x set status = 'closed_early', closed_at = now(), close_reason = 'A payment was requested'
  where x.business_id = p_business and x.id = a.id and x.status = 'active';
  insert into savings.payment_requests (business_id, id, savings_account_id, customer_id, agent_id, unit_id, requested_by,
    method, destination_id, gross, commission, fees, net, currency, agent_amount, parent_agent_id, parent_amount, reference)
  values (p_business, p_id, a.id, a.customer_id, h.agent_id, a.unit_id, p_user, v_method, v_destination, s.gross,
    s.commission, s.fees, s.net, a.currency, h.agent_amount, h.parent_agent_id, h.parent_amount,
    -- 48 random bits
    'PR-' || upper(left(translate(gen_random_uuid()::text, '-', ''), 12)))
  returning * into r;
  perform savings.hold_payment(r);
  perform savings.tell_of_payment(r);
  return savings.payment_request_detail(p_business, p_id, p_own_user is not null);
end $$;

--------------------------------------------------------------------------------------------------------------- moves
-- An account of the bank that money came to is dormant no longer.
create function bank.wake_account(p_business uuid, p_account uuid) returns void language sql volatile as $$
  update bank.accounts a set status = 'active' where a.business_id = p_business and a.id = p_account and a.status = 'dormant'
$$;

-- The ledger account that a payment goes to: the vault, the account with a provider, or the wallet.
-- Refusal: payment_request_provider, where the name is that of another account of the house.
create function savings.payment_target(r savings.payment_requests) returns uuid language plpgsql as $$
declare
  v_target uuid;
begin
  if r.method = 'wallet' then
    select d.bank_account_id into strict v_target from savings.payment_destinations d
    where d.business_id = r.business_id and d.id = r.destination_id;
    perform bank.wake_account(r.business_id, v_target);
    return v_target;
  end if;
  v_target := ledger.house_account(r.business_id, case r.method when 'cash' then 'cash:vault'
    else 'clearing:' || coalesce(r.provider, 'bank') end, 'asset', r.currency, 16);
  if not exists (select from ledger.accounts l where l.business_id = r.business_id and l.id = v_target and l.kind = 'asset') then
    perform savings.refuse('payment_request_provider');
  end if;
  return v_target;
end $$;

-- Pays a request: its hold is posted, and what is owed then goes out by the transaction p_next_id. Only now the commission
-- is earned, once for an account. Refusals: those of savings.payment_target, ledger.resolve and ledger.post.
create function savings.pay(r savings.payment_requests, p_next_id uuid) returns void language plpgsql as $$
declare
  v_posted uuid := ledger.resolve(r.business_id, ledger.new_id(), r.id, 'post');
begin
  perform ledger.post(ledger.posting_of(r.business_id, p_next_id, 'single', 'savings.payment',
      p_source_type => 'savings.payment_request', p_source_id => r.id, p_description => r.reference),
    jsonb_build_array(
      jsonb_build_object('account_id', ledger.house_account(r.business_id, 'clearing:payments', 'liability', r.currency, 8),
        'side', 'debit', 'amount', r.net),
      jsonb_build_object('account_id', savings.payment_target(r), 'side', 'credit', 'amount', r.net)));
  update savings.accounts a set status = 'paid_out', closed_at = coalesce(a.closed_at, now())
  where a.business_id = r.business_id and a.id = r.savings_account_id;
  insert into savings.commissions (business_id, savings_account_id, payment_request_id, agent_id, parent_agent_id, amount,
    agent_amount, parent_amount, house_amount, currency, ledger_transaction_id, earned_on)
  select r.business_id, r.savings_account_id, r.id, r.agent_id, r.parent_agent_id, r.commission, r.agent_amount,
    r.parent_amount, r.commission - r.agent_amount - r.parent_amount, r.currency, v_posted, core.business_today(r.business_id)
  where r.commission > 0;
end $$;

-- The move that an action means for a request, for who makes it. `settled` moves are those of a payment that has arrived:
-- cash and wallets at once, banks when they have given a reference. `methods`: only of these.
-- Refusals: provider_ref_required, illegal_transition {from, to, allowed}, payment_request_role,
-- payment_requests_maker_checker.
create function savings.payment_move(r savings.payment_requests, p_user uuid, p_role text, p_action text, p_moves jsonb,
  p_given jsonb) returns jsonb language plpgsql as $$
declare
  v_settled boolean := r.method <> 'bank' or p_given ? 'provider_ref'; v_move jsonb;
begin
  if p_action = 'pay' and r.status = 'paying' and not v_settled then perform savings.refuse('provider_ref_required'); end if;
  v_move := savings.move_of((
    select jsonb_agg(m order by n) from jsonb_array_elements(p_moves) with ordinality o (m, n)
    where (m -> 'methods' is null or m -> 'methods' ? r.method::text)
      and (p_action <> 'pay' or coalesce((m -> 'settled')::boolean, v_settled) = v_settled)), p_action, r.status::text);
  if not v_move -> 'roles' ? p_role or v_move ->> 'maker' = 'only' and r.requested_by <> p_user then
    perform savings.refuse('payment_request_role');
  end if;
  if v_move ->> 'maker' = 'never' and (r.requested_by = p_user or exists (select from core.customers o
    where o.business_id = r.business_id and o.id = r.customer_id and o.user_id = p_user)) then
    perform savings.refuse('payment_requests_maker_checker');
  end if;
  if r.method <> 'bank' and (p_given ? 'provider' or p_given ? 'provider_ref') then
    perform savings.refuse('payment_request_provider');
  end if;
  return v_move;
end $$;

-- Moves a request, with what that means for its money and its account. No row: there is none. The account is locked before
-- the request, as by whoever asks or collects; who pays locks the agents before it, whose commission is paid out under the
-- same lock.
-- p_moves: src/savings/payment-request-moves.ts as JSON. p_given: reason, failure_code, provider, provider_ref.
-- p_next_id: of the ledger transaction that the move may make.
-- Refusals: stale_version, and those of savings.payment_move and savings.pay.
create function savings.move_payment_request(p_business uuid, p_user uuid, p_own_user uuid, p_own_agent uuid, p_role text,
  p_id uuid, p_version int, p_action text, p_moves jsonb, p_given jsonb, p_next_id uuid)
returns table (version int, body json) language plpgsql as $$
declare
  r savings.payment_requests; v_to savings.payment_request_status;
begin
  select x.* into r from savings.payment_requests x
  where x.business_id = p_business and x.id = p_id and savings.is_payment_seen(x, p_own_user, p_own_agent);
  if not found then return; end if;
  if p_action = 'pay' then
    perform 1 from savings.agents g where g.business_id = p_business and g.id in (r.agent_id, r.parent_agent_id)
    order by g.id for no key update;
  end if;
  perform 1 from savings.accounts a where a.business_id = p_business and a.id = r.savings_account_id for no key update;
  select x.* into r from savings.payment_requests x where x.business_id = p_business and x.id = p_id for no key update;
  if r.version <> p_version then perform savings.refuse('stale_version'); end if;
  v_to := savings.payment_move(r, p_user, p_role, p_action, p_moves, p_given) ->> 'to';
  r.provider := coalesce(p_given ->> 'provider', r.provider);
  if v_to = 'paid' then perform savings.pay(r, p_next_id);
  elsif v_to in ('rejected', 'cancelled') then perform ledger.resolve(p_business, p_next_id, r.id, 'void');
  end if;
  update savings.payment_requests x set status = v_to, provider = r.provider,
    decided_by = case when v_to in ('approved', 'rejected') then p_user else x.decided_by end,
    decided_at = case when v_to in ('approved', 'rejected') then now() else x.decided_at end,
    paid_by = case when v_to in ('paying', 'paid') then p_user else x.paid_by end,
    paid_at = case v_to when 'paid' then now() end,
    reason = p_given ->> 'reason', failure_code = coalesce(p_given ->> 'failure_code',
      case v_to when 'rejected' then x.failure_code end),
    provider_ref = coalesce(p_given ->> 'provider_ref', x.provider_ref),
    ledger_transaction_id = case v_to when 'paid' then p_next_id end
  where x.business_id = p_business and x.id = p_id returning x.* into r;
  perform savings.tell_of_payment(r);
  version := r.version; body := savings.payment_request_detail(p_business, p_id, p_own_user is not null);
  return next;
end $$;

---------------------------------------------------------------------------------------------------------- commissions
create function savings.commission_body(c savings.commissions) returns json language sql stable parallel safe as $$
  select json_build_object('id', c.id, 'savings_account_id', c.savings_account_id,
    'payment_request_id', c.payment_request_id, 'agent_id', c.agent_id, 'parent_agent_id', c.parent_agent_id,
    'amount', c.amount, 'agent_amount', c.agent_amount, 'parent_amount', c.parent_amount, 'house_amount', c.house_amount,
    'currency', c.currency, 'earned_on', c.earned_on, 'ledger_transaction_id', c.ledger_transaction_id,
    'agent_settlement_id', c.agent_settlement_id, 'parent_settlement_id', c.parent_settlement_id,
    'created_at', core.iso(c.created_at)) $$;

-- Pays an agent from the vault what they have earned until a day, and was not paid out yet: their own shares, and those of
-- their sub-agents' accounts. p_member: who pays. p_id: of the ledger transaction.
-- Refusals: commission_agent, maker_checker, nothing_earned, and those of ledger.post.
create function savings.settle_commissions(p_business uuid, p_member uuid, p_id uuid, p_agent uuid, p_until date)
returns json language plpgsql as $$
declare
  g savings.agents; v_currency char(3) := (select b.currency from core.businesses b where b.id = p_business);
  v_amount bigint; v_count int;
begin
  if p_agent = p_member then perform savings.refuse('maker_checker'); end if;
  if not exists (select from core.memberships m where m.business_id = p_business and m.id = p_agent) then
    perform savings.refuse('commission_agent');
  end if;
  select x.* into g from savings.agents x where x.business_id = p_business and x.id = p_agent for no key update;
  with own as (
    update savings.commissions c set agent_settlement_id = p_id
    where c.business_id = p_business and c.agent_id = p_agent and c.earned_on <= p_until and c.agent_settlement_id is null
      and c.agent_amount > 0 returning c.agent_amount as amount),
  of_sub_agents as (
    update savings.commissions c set parent_settlement_id = p_id
    where c.business_id = p_business and c.parent_agent_id = p_agent and c.earned_on <= p_until
      and c.parent_settlement_id is null and c.parent_amount > 0 returning c.parent_amount as amount)
  select coalesce(sum(e.amount), 0), count(*) into v_amount, v_count
  from (select amount from own union all select amount from of_sub_agents) e;
  if v_amount = 0 then perform savings.refuse('nothing_earned'); end if;
  perform ledger.post(ledger.posting_of(p_business, p_id, 'single', 'savings.commission', p_source_type => 'savings.agent',
      p_source_id => p_agent),
    jsonb_build_array(jsonb_build_object('account_id', g.commission_id, 'side', 'debit', 'amount', v_amount),
      jsonb_build_object('account_id', ledger.house_account(p_business, 'cash:vault', 'asset', v_currency, 16),
        'side', 'credit', 'amount', v_amount)));
  return json_build_object('id', p_id, 'agent_id', p_agent, 'until', p_until, 'amount', v_amount, 'currency', v_currency,
    'commissions', v_count, 'settled_at', core.iso(now()));
end $$;
