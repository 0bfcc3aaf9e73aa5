-- What every part of savings asks: how slots lie in time, what an account would pay, who an agent is and what they may hold.

----------------------------------------------------------------------------------------------------------------- slots
-- Slots of the first p_cycles cycles. A calendar month of 31 January ends before 28 February: each cycle begins so many
-- months after the first one did, whatever those between had.
create function savings.slots_of(p_starts_on date, p_calendar_month boolean, p_cycle_markings int, p_cycles int) returns int
language sql immutable parallel safe
return case when p_calendar_month then (p_starts_on + make_interval(months => p_cycles))::date - p_starts_on
  else p_cycle_markings * p_cycles end;

-- When the slot at a position, from 1, is due.
create function savings.due_on(p_starts_on date, p_period_days int, p_position int) returns date
language sql immutable parallel safe
return p_starts_on + (p_position - 1) * p_period_days;

-- How many cycles so many paid markings reach into, taken in order.
create function savings.cycles_reached(a savings.accounts) returns int language sql immutable parallel safe
return case when a.calendar_month then (
    select count(*)::int from generate_series(0, a.cycles - 1) k
    where savings.slots_of(a.starts_on, true, 0, k) < a.markings_paid)
  else (a.markings_paid + a.cycle_markings - 1) / a.cycle_markings end;

-- What an account pays if it is settled on p_on, minor units: one row, a set only so that statements over many accounts have
-- it inlined. net <= 0 cannot be requested.
create type savings.settled as (cycles int, gross bigint, commission bigint, fees bigint, net bigint);

create function savings.settlement(a savings.accounts, p_on date) returns setof savings.settled
language sql immutable parallel safe rows 1 as $$
  select k.n, a.collected, k.commission, k.fees, a.collected - k.commission - k.fees
  from (
    select n, least(case a.commission_rule
        when 'one_marking_per_cycle' then a.marking_amount * n
        when 'average_marking' then a.collected / greatest(a.markings_paid, 1) * n
        when 'percent' then div(a.collected::numeric * a.commission_bps, 10000)::bigint
        when 'flat_per_cycle' then a.commission_flat * n
        else 0 end, a.commission_cap * n) as commission,
      case when p_on < (a.starts_on + make_interval(months => a.early_fee_months))::date
        then div(a.collected::numeric * a.early_fee_bps, 10000)::bigint else 0 end as fees
    from savings.cycles_reached(a) n) k
$$;

---------------------------------------------------------------------------------------------------------------- agents
-- Whose rows a member sees who sees no others: their own and those of their sub-agents.
create function savings.agents_of(p_business uuid, p_member uuid) returns uuid[] language sql stable parallel safe
return p_member || array(select m.id from core.memberships m
  where m.business_id = p_business and m.parent_member_id = p_member);
create index memberships_parent_ix on core.memberships (business_id, parent_member_id) where parent_member_id is not null;

-- The member as an agent, made with their ledger accounts when they are needed for the first time.
create function savings.agent(p_business uuid, p_member uuid) returns savings.agents language plpgsql as $$
declare
  v_agent savings.agents; v_currency char(3); v_code text := 'agent:' || p_member;
begin
  select * into v_agent from savings.agents g where g.business_id = p_business and g.id = p_member;
  if found then return v_agent; end if;
  -- one at a time: the numbers have no gaps, and no account is made twice
  perform pg_advisory_xact_lock(hashtextextended('savings.agent/' || p_business, 0));
  select * into v_agent from savings.agents g where g.business_id = p_business and g.id = p_member;
  if found then return v_agent; end if;
  select b.currency into v_currency from core.businesses b where b.id = p_business;
  insert into savings.agents (business_id, id, agent_no, cash_id, receivable_id, commission_id)
  select p_business, p_member, coalesce((select max(g.agent_no) from savings.agents g where g.business_id = p_business), 0) + 1,
    ledger.ensure_account(p_business, v_code || ':cash', 'asset', v_currency, 1, 0, gen_random_uuid(), 'savings.agent', p_member),
    ledger.ensure_account(p_business, v_code || ':receivable', 'asset', v_currency, 1, null, gen_random_uuid(),
      'savings.agent', p_member),
    ledger.ensure_account(p_business, v_code || ':commission', 'liability', v_currency, 1, 0, gen_random_uuid(),
      'savings.agent', p_member)
  returning * into v_agent;
  perform savings.apply_ceiling(p_business, array[v_agent.cash_id]);
  return v_agent;
end $$;

-- How much cash an agent may hold, minor units; null: as much as comes.
create function savings.cash_ceiling(p_business uuid) returns bigint language sql stable parallel safe
return (core.setting(p_business, 'savings.agent_cash_ceiling') #>> '{}')::bigint;

-- Puts the ceiling on the balances of agents' cash. Who holds more than a lower one keeps it, and collects no more until
-- enough is handed over: confirming a remittance calls this again. p_accounts null: of all agents.
create function savings.apply_ceiling(p_business uuid, p_accounts uuid[] default null) returns void language sql volatile as $$
  with locked as (
    -- greatest() would take no ceiling for one of nothing
    select b.business_id, b.account_id, b.shard, case when savings.cash_ceiling(p_business) is not null
      then greatest(savings.cash_ceiling(p_business), b.posted_debit - b.posted_credit) end as ceiling
    from ledger.balances b
    where b.business_id = p_business and b.account_id in (
      select g.cash_id from savings.agents g where g.business_id = p_business and (p_accounts is null or g.cash_id = any(p_accounts)))
    order by b.account_id, b.shard for no key update)
  update ledger.balances b set max_balance = l.ceiling
  from locked l where b.business_id = l.business_id and b.account_id = l.account_id and b.shard = l.shard
    and b.max_balance is distinct from l.ceiling
$$;

-- The setting of one business, or of the installation, for all it concerns.
create function savings.ceiling_changed() returns trigger language plpgsql as $$
declare
  v_business uuid := case when tg_op = 'DELETE' then old.business_id else new.business_id end;
begin
  perform savings.apply_ceiling(g.business_id)
  from (select distinct g.business_id from savings.agents g where v_business is null or g.business_id = v_business order by 1) g;
  return null;
end $$;
create trigger ceiling_changed after insert or update of value on core.settings for each row
when (new.key = 'savings.agent_cash_ceiling') execute function savings.ceiling_changed();
create trigger ceiling_removed after delete on core.settings for each row
when (old.key = 'savings.agent_cash_ceiling') execute function savings.ceiling_changed();

-- The remittance that a visit of a business date belongs to: that date's while it is open; when it was submitted, another
-- one that is still open; and when there is none, a further one of today. The caller holds the agent's lock (the row of
-- savings.agents, for no key update), so that none is made twice.
create function savings.remittance_for(p_business uuid, p_agent uuid, p_date date) returns uuid language plpgsql as $$
declare
  v_id uuid; v_day date := p_date;
begin
  select m.id into v_id from savings.remittances m
  where m.business_id = p_business and m.agent_id = p_agent and m.business_date = p_date and m.status = 'open';
  if v_id is not null then return v_id; end if;
  if exists (select from savings.remittances m
    where m.business_id = p_business and m.agent_id = p_agent and m.business_date = p_date) then
    select m.id into v_id from savings.remittances m
    where m.business_id = p_business and m.agent_id = p_agent and m.status = 'open'
    order by m.business_date desc, m.no desc limit 1;
    if v_id is not null then return v_id; end if;
    v_day := core.business_today(p_business);
  end if;
  insert into savings.remittances (business_id, agent_id, business_date, no)
  select p_business, p_agent, v_day, coalesce(max(m.no), 0) + 1
  from savings.remittances m where m.business_id = p_business and m.agent_id = p_agent and m.business_date = v_day
  returning id into v_id;
  return v_id;
end $$;

------------------------------------------------------------------------------------------- refusals, moves and messages
-- Refuses under a name of refusals.ts, with what may be told of it.
create function savings.refuse(p_name text, p_detail jsonb default null) returns void language sql volatile
return ledger.raise_refusal(row(p_name, p_detail)::ledger.outcome);

-- The legal move of an action from a status. p_moves: a table of moves as JSON: [{"action", "from", "to", …}].
-- Refusal: illegal_transition {from, to, allowed}.
create function savings.move_of(p_moves jsonb, p_action text, p_from text) returns jsonb language plpgsql as $$
declare
  v_move jsonb;
begin
  select m into v_move from jsonb_array_elements(p_moves) m where m ->> 'action' = p_action and m ->> 'from' = p_from;
  if not found then
    perform savings.refuse('illegal_transition', jsonb_build_object('from', p_from,
      'to', (select m -> 'to' from jsonb_array_elements(p_moves) with ordinality o (m, n) where m ->> 'action' = p_action
             order by n desc limit 1),
      'allowed', (select coalesce(jsonb_agg(distinct m -> 'to'), '[]') from jsonb_array_elements(p_moves) m
                  where m ->> 'from' = p_from)));
  end if;
  return v_move;
end $$;

-- Tells members of a business something: those named, and all of the roles named, each once; who acts is not told.
-- p_notification: type, title, body, ref_type, ref_id.
create function savings.notify(p_business uuid, p_members uuid[], p_roles core.member_role[], p_notification jsonb)
returns void language sql volatile as $$
  insert into core.notifications (business_id, user_id, type, title, body, ref_type, ref_id)
  select p_business, m.user_id, n.type, n.title, n.body, n.ref_type, n.ref_id
  from core.memberships m,
    jsonb_to_record(p_notification) n (type text, title text, body text, ref_type text, ref_id uuid)
  where m.business_id = p_business and m.status = 'active' and (m.id = any (p_members) or m.role = any (p_roles))
    and m.user_id is distinct from core.app_setting('user_id')::uuid
$$;

-- Tells the person behind a customer, where there is one and it is not who acts.
create function savings.notify_customer(p_business uuid, p_customer uuid, p_notification jsonb) returns void
language sql volatile as $$
  insert into core.notifications (business_id, user_id, type, title, body, ref_type, ref_id)
  select p_business, o.user_id, n.type, n.title, n.body, n.ref_type, n.ref_id
  from core.customers o, jsonb_to_record(p_notification) n (type text, title text, body text, ref_type text, ref_id uuid)
  where o.business_id = p_business and o.id = p_customer and o.user_id is not null
    and o.user_id is distinct from core.app_setting('user_id')::uuid
$$;

--------------------------------------------------------------------------------------------------------------- checkouts
-- Where a payment is made: the template of CHECKOUT_URLS with what it names. p_amount: minor units. Nothing of it needs to be
-- escaped in a URL.
create function savings.checkout_url(p_business uuid, p_template text, p_reference uuid, p_amount bigint, p_currency text)
returns text language sql stable parallel safe
return replace(replace(replace(replace(p_template, '{reference}', p_reference::text), '{amount}', p_amount::text),
  '{currency}', p_currency), '{business}', (select b.code from core.businesses b where b.id = p_business));
