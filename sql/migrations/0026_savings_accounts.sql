-- Products and savings accounts: what a plan comes to, how an account is opened, changed, closed, extended and renewed, and
-- how both look. The moves of an account are a table in src/savings/accounts-moves.ts.

------------------------------------------------------------------------------------------------------------- products
create function savings.product_body(p savings.products) returns json language sql stable parallel safe as $$
  select json_build_object('id', p.id, 'name', p.name, 'kind', p.kind, 'currency', p.currency, 'period_days', p.period_days,
    'cycle_markings', p.cycle_markings, 'calendar_month', p.calendar_month, 'flexible_amount', p.flexible_amount,
    'min_marking_amount', p.min_marking_amount, 'max_marking_amount', p.max_marking_amount,
    'commission_rule', p.commission_rule, 'commission_bps', p.commission_bps, 'commission_flat', p.commission_flat,
    'commission_cap', p.commission_cap, 'agent_share_bps', p.agent_share_bps, 'parent_share_bps', p.parent_share_bps,
    'early_fee_bps', p.early_fee_bps, 'early_fee_months', p.early_fee_months,
    'min_markings_before_payment', p.min_markings_before_payment, 'backdate_days', p.backdate_days,
    'auto_renew', p.auto_renew, 'is_active', p.is_active, 'version', p.version, 'created_at', core.iso(p.created_at),
    'updated_at', core.iso(p.updated_at)) $$;

-- Makes a product of the members given, all of which there are, in the business's currency: its accounts are counted
-- together with all others. Refusals: products_business_currency, and the constraints of the table.
create function savings.create_product(p_business uuid, p_id uuid, p_given jsonb) returns savings.products
language plpgsql as $$
declare
  v_product savings.products; v_currency char(3);
begin
  select b.currency into v_currency from core.businesses b where b.id = p_business;
  if coalesce(p_given ->> 'currency', v_currency) <> v_currency then
    perform savings.refuse('products_business_currency');
  end if;
  insert into savings.products
  select (jsonb_populate_record(null::savings.products, p_given || jsonb_build_object('business_id', p_business, 'id', p_id,
    'currency', v_currency, 'version', 1, 'created_at', now(), 'updated_at', now(),
    'period_days', case p_given ->> 'kind' when 'weekly' then 7 else 1 end))).*
  returning * into v_product;
  return v_product;
end $$;

-- Changes the members that the patch names; accounts that are open keep the terms that they were opened with. Null: not
-- there, or another version.
create function savings.update_product(p_business uuid, p_id uuid, p_patch jsonb, p_version int) returns savings.products
language plpgsql as $$
declare
  v savings.products;
begin
  select * into v from savings.products p
  where p.business_id = p_business and p.id = p_id and (p_version is null or p.version = p_version) for no key update;
  if not found then return null; end if;
  v := jsonb_populate_record(v, p_patch);
  update savings.products p set name = v.name, kind = v.kind, period_days = case v.kind when 'weekly' then 7 else 1 end,
    cycle_markings = v.cycle_markings, calendar_month = v.calendar_month, flexible_amount = v.flexible_amount,
    min_marking_amount = v.min_marking_amount, max_marking_amount = v.max_marking_amount,
    commission_rule = v.commission_rule, commission_bps = v.commission_bps, commission_flat = v.commission_flat,
    commission_cap = v.commission_cap, agent_share_bps = v.agent_share_bps, parent_share_bps = v.parent_share_bps,
    early_fee_bps = v.early_fee_bps, early_fee_months = v.early_fee_months,
    min_markings_before_payment = v.min_markings_before_payment, backdate_days = v.backdate_days,
    auto_renew = v.auto_renew, is_active = v.is_active
  where p.business_id = p_business and p.id = p_id returning * into v;
  return v;
end $$;

---------------------------------------------------------------------------------------------------------------- plans
-- An account as a product of today would open it, of nobody yet.
create function savings.plan_of(p savings.products, p_marking_amount bigint, p_cycles int, p_starts_on date)
returns savings.accounts language sql stable as $$
  select jsonb_populate_record(null::savings.accounts, to_jsonb(p)
    - '{id,name,kind,is_active,version,created_at,updated_at,created_by,updated_by}'::text[]
    || jsonb_build_object('product_id', p.id, 'marking_amount', p_marking_amount, 'cycles', p_cycles,
      'markings_total', n.total, 'starts_on', p_starts_on, 'ends_on', savings.due_on(p_starts_on, p.period_days, n.total),
      'status', 'active', 'run_no', 1, 'markings_paid', 0, 'collected', 0, 'version', 1, 'created_at', now(),
      'updated_at', now()))
  from savings.slots_of(p_starts_on, p.calendar_month, p.cycle_markings, p_cycles) n (total)
$$;

-- Refuses what no account may be: an amount outside the product's range or more than a balance may hold in the end
-- (savings_accounts_amount_range), and too many slots (savings_accounts_total_ck).
create function savings.check_plan(a savings.accounts) returns void language plpgsql as $$
begin
  if a.markings_total > 3660 then
    perform savings.refuse('savings_accounts_total_ck');
  elsif a.marking_amount not between a.min_marking_amount and coalesce(a.max_marking_amount, 9007199254740991)
    or a.marking_amount::numeric * a.markings_total > 9007199254740991 then
    perform savings.refuse('savings_accounts_amount_range');
  end if;
end $$;

-- What an account pays when every slot is paid, settled the day after the last one.
create function savings.settled_in_full(a savings.accounts) returns savings.settled language plpgsql stable as $$
begin
  a.markings_paid := a.markings_total;
  a.collected := a.marking_amount * a.markings_total;
  return savings.settlement(a, a.ends_on + 1);
end $$;

-- The least amount of a marking that pays out at least so much in the end, minor units: net grows with the amount, so it is
-- found by halving. Null: none up to the product's largest does.
create function savings.marking_amount_for(p savings.products, p_target bigint, p_cycles int, p_starts_on date)
returns bigint language plpgsql stable as $$
declare
  v_plan savings.accounts := savings.plan_of(p, 1, p_cycles, p_starts_on);
  v_low bigint := p.min_marking_amount;
  v_high bigint := least(coalesce(p.max_marking_amount, 9007199254740991), 9007199254740991 / v_plan.markings_total);
begin
  if v_low > v_high then return null; end if;
  v_plan.marking_amount := v_high;
  if (savings.settled_in_full(v_plan)).net < p_target then return null; end if;
  while v_low < v_high loop
    v_plan.marking_amount := v_low + (v_high - v_low) / 2;
    if (savings.settled_in_full(v_plan)).net >= p_target then v_high := v_plan.marking_amount;
    else v_low := v_plan.marking_amount + 1;
    end if;
  end loop;
  return v_low;
end $$;

-- What a plan of a product comes to when it is kept to its end: {target_amount (what should be paid out, at least) |
-- marking_amount, cycles, starts_on}; by default the least marking amount, one cycle, today. Null: no such product. Refusals:
-- savings_quote_target (no amount of the product comes to so much), those of savings.check_plan.
create function savings.quote(p_business uuid, p_product uuid, p_given jsonb) returns json language plpgsql stable as $$
declare
  p savings.products; v savings.accounts; v_settled savings.settled;
  v_cycles int := coalesce((p_given ->> 'cycles')::int, 1);
  v_starts_on date := coalesce((p_given ->> 'starts_on')::date, core.business_today(p_business));
  v_amount bigint := (p_given ->> 'marking_amount')::bigint;
begin
  select * into p from savings.products x where x.business_id = p_business and x.id = p_product;
  if not found then return null; end if;
  if p_given ? 'target_amount' then
    v_amount := savings.marking_amount_for(p, (p_given ->> 'target_amount')::bigint, v_cycles, v_starts_on);
    if v_amount is null then perform savings.refuse('savings_quote_target'); end if;
  end if;
  v := savings.plan_of(p, coalesce(v_amount, p.min_marking_amount), v_cycles, v_starts_on);
  perform savings.check_plan(v);
  v_settled := savings.settled_in_full(v);
  return json_build_object('product_id', p.id, 'currency', p.currency, 'marking_amount', v.marking_amount,
    'cycles', v.cycles, 'markings_total', v.markings_total, 'starts_on', v.starts_on, 'ends_on', v.ends_on,
    'gross', v_settled.gross, 'commission', v_settled.commission, 'fees', v_settled.fees, 'net', v_settled.net);
end $$;

---------------------------------------------------------------------------------------------- who sees, who collects
-- Whether a caller sees an account: one of their own customer's (p_own_user), of theirs or their sub-agents' (p_own_agent, a
-- member), or any (both null).
create function savings.is_seen_by(a savings.accounts, p_own_user uuid, p_own_agent uuid) returns boolean
language sql stable parallel safe
return (p_own_agent is null or a.agent_id = any (savings.agents_of(a.business_id, p_own_agent)))
  and (p_own_user is null or exists (select from core.customers o
    where o.business_id = a.business_id and o.id = a.customer_id and o.user_id = p_own_user));

-- Whether a member may have a round.
create function savings.may_collect(m core.memberships) returns boolean language sql immutable parallel safe
return m.status = 'active' and m.role in ('owner', 'admin', 'manager', 'agent', 'sub_agent');

-- Who looks after a customer whose agent this was: they while they are active, else the agent above them, else the manager
-- of the unit, else the owner.
create function savings.find_agent(p_business uuid, p_agent uuid, p_unit uuid) returns uuid
language sql stable parallel safe
return coalesce(
  (select m.id from core.memberships m where m.business_id = p_business and m.id = p_agent and savings.may_collect(m)),
  (select u.id from core.memberships m join core.memberships u on u.business_id = m.business_id and u.id = m.parent_member_id
   where m.business_id = p_business and m.id = p_agent and savings.may_collect(u)),
  (select m.id from core.memberships m where m.business_id = p_business and m.unit_id = p_unit and m.role = 'manager'
     and m.status = 'active' order by m.created_at, m.id limit 1),
  (select m.id from core.memberships m where m.business_id = p_business and m.role = 'owner' and m.status = 'active'
   order by m.created_at, m.id limit 1));

------------------------------------------------------------------------------------------------------------- numbers
-- The check digit of digits (Luhn, ISO/IEC 7812-1): finds every wrong digit, and nearly every two that changed places.
create function savings.check_digit(p_digits text) returns text language sql immutable parallel safe
return (select ((10 - sum(case when place % 2 = 1 then digit * 2 / 10 + digit * 2 % 10 else digit end) % 10) % 10)::text
  from (select digit::int, row_number() over (order by n desc) as place
    from regexp_split_to_table(p_digits, '') with ordinality d (digit, n)) places);

-- Nine random digits and their check digit: a number says nothing of another one.
create function savings.new_tracking_number() returns text language sql volatile as $$
  select digits || savings.check_digit(digits)
  from (select lpad((('x' || encode(gen_random_bytes(6), 'hex'))::bit(48)::bigint % 1000000000)::text, 9, '0')) d (digits)
$$;

-- The account that a client names, by its id or by its tracking number. Null: there is none.
create function savings.account_of(p_business uuid, p_text text) returns uuid language plpgsql stable parallel safe as $$
begin
  if p_text ~ '^[0-9]{10}$' then
    return case when savings.check_digit(left(p_text, 9)) = right(p_text, 1) then (
      select a.id from savings.accounts a where a.business_id = p_business and a.tracking_number = p_text) end;
  elsif p_text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    return (select a.id from savings.accounts a where a.business_id = p_business and a.id = p_text::uuid);
  end if;
  return null;
end $$;

------------------------------------------------------------------------------------------------------------- accounts
-- How many slots are due on a day, that day's included.
create function savings.elapsed(a savings.accounts, p_today date) returns int language sql immutable parallel safe
return case when p_today < a.starts_on then 0
  else least(a.markings_total, (p_today - a.starts_on) / a.period_days + 1) end;

create function savings.account_body(a savings.accounts) returns json language sql stable parallel safe as $$
  select json_build_object('id', a.id, 'tracking_number', a.tracking_number, 'run_no', a.run_no, 'status', a.status,
    'customer_id', a.customer_id, 'customer_name', (select o.name from core.customers o
      where o.business_id = a.business_id and o.id = a.customer_id),
    'product_id', a.product_id, 'agent_id', a.agent_id, 'unit_id', a.unit_id, 'currency', a.currency,
    'marking_amount', a.marking_amount, 'cycles', a.cycles, 'markings_total', a.markings_total,
    'markings_paid', a.markings_paid, 'collected', a.collected, 'starts_on', a.starts_on, 'ends_on', a.ends_on,
    'terms', json_build_object('period_days', a.period_days, 'cycle_markings', a.cycle_markings,
      'calendar_month', a.calendar_month, 'flexible_amount', a.flexible_amount, 'min_marking_amount', a.min_marking_amount,
      'max_marking_amount', a.max_marking_amount, 'commission_rule', a.commission_rule, 'commission_bps', a.commission_bps,
      'commission_flat', a.commission_flat, 'commission_cap', a.commission_cap, 'agent_share_bps', a.agent_share_bps,
      'parent_share_bps', a.parent_share_bps, 'early_fee_bps', a.early_fee_bps, 'early_fee_months', a.early_fee_months,
      'min_markings_before_payment', a.min_markings_before_payment, 'backdate_days', a.backdate_days,
      'auto_renew', a.auto_renew),
    'closed_at', core.iso(a.closed_at), 'close_reason', a.close_reason, 'version', a.version,
    'created_at', core.iso(a.created_at), 'updated_at', core.iso(a.updated_at)) $$;

-- Opens an account with the terms of its product as they are now, and the ledger account that holds what is saved. Runs of
-- a customer and product are counted. p_tracking_number: of a card that is printed already. Refusals: savings_accounts_customer_fk (none, or archived),
-- savings_accounts_product_fk (none, not offered, or in another currency), savings_accounts_agent_fk (nobody who collects),
-- savings_accounts_unit_fk, those of savings.check_plan, active_account_exists.
create function savings.open_account(p_business uuid, p_id uuid, p_product uuid, p_customer uuid, p_agent uuid,
  p_marking_amount bigint, p_cycles int, p_starts_on date, p_unit uuid default null, p_tracking_number text default null)
returns savings.accounts language plpgsql as $$
declare
  v_product savings.products; v savings.accounts; v_opened savings.accounts;
begin
  -- one account of a customer after the other, and none of one who is being archived
  perform 1 from core.customers c
  where c.business_id = p_business and c.id = p_customer and c.is_active for no key update;
  if not found then perform savings.refuse('savings_accounts_customer_fk'); end if;
  select p.* into v_product from savings.products p
  join core.businesses b on b.id = p.business_id and b.currency = p.currency
  where p.business_id = p_business and p.id = p_product and p.is_active for share of p;
  if not found then perform savings.refuse('savings_accounts_product_fk'); end if;
  if not exists (select from core.memberships m
    where m.business_id = p_business and m.id = p_agent and savings.may_collect(m)) then
    perform savings.refuse('savings_accounts_agent_fk');
  end if;
  v := savings.plan_of(v_product, p_marking_amount, p_cycles, p_starts_on);
  perform savings.check_plan(v);
  v.id := p_id; v.customer_id := p_customer; v.agent_id := p_agent; v.unit_id := p_unit;
  v.run_no := 1 + (select coalesce(max(a.run_no), 0) from savings.accounts a
    where a.business_id = p_business and a.customer_id = p_customer and a.product_id = p_product);
  perform ledger.ensure_account(p_business, 'savings:account:' || p_id, 'liability', v.currency, 1, 0, p_id,
    'savings.account', p_customer);
  -- balances are numbers in JSON, exact to 2^53 - 1
  update ledger.balances b set max_balance = 9007199254740991 where b.business_id = p_business and b.account_id = p_id;
  loop
    v.tracking_number := coalesce(p_tracking_number, savings.new_tracking_number());
    insert into savings.accounts select v.* on conflict on constraint savings_accounts_number_uq do nothing
    returning * into v_opened;
    exit when found;
    if p_tracking_number is not null then perform savings.refuse('savings_accounts_number_uq'); end if;
  end loop;
  return v_opened;
end $$;

-- Opens an account as a member asks for it: {customer_id, product_id, marking_amount, cycles, starts_on, unit_id, agent_id}.
-- Who sees only what is theirs opens for their own customer, or has it looked after by themselves or a sub-agent. Nobody
-- named: the caller where they have a round, else who looked after the customer last. Staff may register a card that was
-- begun up to a year ago; others as far back as visits may lie. More refusals: savings_accounts_starts_on.
create function savings.request_account(p_business uuid, p_own_user uuid, p_own_agent uuid, p_id uuid, p_given jsonb)
returns savings.accounts language plpgsql as $$
declare
  v savings.accounts; v_customer core.customers; v_agent uuid; v_unit uuid;
  v_starts_on date := p_given ->> 'starts_on'; v_today date := core.business_today(p_business);
begin
  select * into v_customer from core.customers c
  where c.business_id = p_business and c.id = (p_given ->> 'customer_id')::uuid
    and (p_own_user is null or c.user_id = p_own_user) for no key update;
  if not found then perform savings.refuse('savings_accounts_customer_fk'); end if;
  v_unit := coalesce((p_given ->> 'unit_id')::uuid, v_customer.unit_id);
  v_agent := coalesce((p_given ->> 'agent_id')::uuid, p_own_agent, savings.find_agent(p_business, (
    select a.agent_id from savings.accounts a where a.business_id = p_business and a.customer_id = v_customer.id
    order by a.created_at desc, a.id desc limit 1), v_unit));
  if p_own_agent is not null and v_agent <> all (savings.agents_of(p_business, p_own_agent)) then
    perform savings.refuse('savings_accounts_agent_fk');
  end if;
  v := savings.open_account(p_business, p_id, (p_given ->> 'product_id')::uuid, v_customer.id, v_agent,
    (p_given ->> 'marking_amount')::bigint, (p_given ->> 'cycles')::int, v_starts_on, v_unit);
  if v_starts_on > v_today + 366
    or v_today - v_starts_on > (case when p_own_user is null and p_own_agent is null then 366 else v.backdate_days end) then
    perform savings.refuse('savings_accounts_starts_on');
  end if;
  perform savings.tell_of_account(v, 'savings.account_opened', 'A savings account was opened');
  return v;
end $$;

-- Tells the agent and the customer of an account what became of it.
create function savings.tell_of_account(a savings.accounts, p_type text, p_title text) returns void
language plpgsql as $$
declare
  v_message jsonb := jsonb_build_object('type', p_type, 'title', p_title, 'body', a.tracking_number,
    'ref_type', 'savings_account', 'ref_id', a.id);
begin
  perform savings.notify(a.business_id, array[a.agent_id], '{}', v_message);
  perform savings.notify_customer(a.business_id, a.customer_id, v_message);
end $$;

-- Locks the account that a caller asks to change, at the version they know (null: any). Null: they see none. Refusal:
-- stale_version.
create function savings.lock_account(p_business uuid, p_id uuid, p_own_user uuid, p_own_agent uuid, p_version int)
returns savings.accounts language plpgsql as $$
declare
  v savings.accounts;
begin
  select * into v from savings.accounts a where a.business_id = p_business and a.id = p_id for no key update;
  if not found or not savings.is_seen_by(v, p_own_user, p_own_agent) then return null; end if;
  if v.version <> p_version then perform savings.refuse('stale_version'); end if;
  return v;
end $$;

-- Gives an account another agent or unit: {agent_id, unit_id}. Null: not there. Refusals: stale_version,
-- savings_accounts_agent_fk, savings_accounts_unit_fk.
create function savings.update_account(p_business uuid, p_id uuid, p_patch jsonb, p_version int) returns savings.accounts
language plpgsql as $$
declare
  v_old savings.accounts := savings.lock_account(p_business, p_id, null, null, p_version); v savings.accounts;
begin
  if v_old.id is null then return null; end if;
  v := jsonb_populate_record(v_old, p_patch);
  if v.agent_id <> v_old.agent_id and not exists (select from core.memberships m
    where m.business_id = p_business and m.id = v.agent_id and savings.may_collect(m)) then
    perform savings.refuse('savings_accounts_agent_fk');
  end if;
  update savings.accounts a set agent_id = v.agent_id, unit_id = v.unit_id
  where a.business_id = p_business and a.id = p_id returning * into v;
  if v.agent_id <> v_old.agent_id then
    perform savings.tell_of_account(v, 'savings.account_assigned', 'A savings account has another agent');
  end if;
  return v;
end $$;

-- Moves an account as p_action says: close ends it early, or cancels it where nothing was paid; extend adds p_cycles.
-- Null: they see none. Refusals: stale_version, illegal_transition, savings_accounts_cycles_ck, those of check_plan.
create function savings.move_account(p_business uuid, p_id uuid, p_own_user uuid, p_own_agent uuid, p_version int,
  p_moves jsonb, p_action text, p_reason text default null, p_cycles int default 0) returns savings.accounts
language plpgsql as $$
declare
  v savings.accounts := savings.lock_account(p_business, p_id, p_own_user, p_own_agent, p_version);
begin
  if v.id is null then return null; end if;
  perform savings.move_of(p_moves, p_action, v.status::text);
  if p_action = 'close' then
    update savings.accounts a set closed_at = now(), close_reason = p_reason,
      status = case when v.markings_paid = 0 then 'cancelled' else 'closed_early' end::savings.account_status
    where a.business_id = p_business and a.id = p_id returning * into v;
    perform savings.tell_of_account(v, 'savings.account_closed', 'A savings account was closed');
    return v;
  end if;
  if v.cycles + p_cycles > 60 then perform savings.refuse('savings_accounts_cycles_ck'); end if;
  v.cycles := v.cycles + p_cycles;
  v.markings_total := savings.slots_of(v.starts_on, v.calendar_month, v.cycle_markings, v.cycles);
  perform savings.check_plan(v);
  update savings.accounts a set cycles = v.cycles, markings_total = v.markings_total,
    ends_on = savings.due_on(v.starts_on, v.period_days, v.markings_total)
  where a.business_id = p_business and a.id = p_id returning * into v;
  return v;
end $$;

-- Opens the next run of an account that has ended, from today, with the terms that its product has now: {marking_amount,
-- cycles}, which are otherwise those it had. Null: they see none. Refusals: stale_version, illegal_transition, those of
-- savings.open_account.
create function savings.renew_account(p_business uuid, p_id uuid, p_own_user uuid, p_own_agent uuid, p_version int,
  p_moves jsonb, p_new_id uuid, p_given jsonb) returns savings.accounts language plpgsql as $$
declare
  v savings.accounts;
begin
  -- customers before accounts, as when one is opened
  perform 1 from core.customers c join savings.accounts a on a.business_id = c.business_id and a.customer_id = c.id
  where a.business_id = p_business and a.id = p_id for no key update of c;
  v := savings.lock_account(p_business, p_id, p_own_user, p_own_agent, p_version);
  if v.id is null then return null; end if;
  perform savings.move_of(p_moves, 'renew', v.status::text);
  v := savings.open_account(p_business, p_new_id, v.product_id, v.customer_id,
    savings.find_agent(p_business, v.agent_id, v.unit_id), coalesce((p_given ->> 'marking_amount')::bigint, v.marking_amount),
    coalesce((p_given ->> 'cycles')::int, v.cycles), core.business_today(p_business), v.unit_id);
  perform savings.tell_of_account(v, 'savings.account_opened', 'A savings account was renewed');
  return v;
end $$;
