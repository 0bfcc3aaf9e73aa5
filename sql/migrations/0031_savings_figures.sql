-- Figures of savings: what its dashboards show is counted as it is written (core.keep_counters), so that they cost the same
-- with ten thousand markings and with ten million; and the proof that what savings says of money is what the ledger has.

-------------------------------------------------------------------------------------------------------------- counters
-- Whose figures a row is among: those of the business ("all"), of its agent, and of its unit. It is the first word of
-- every dimension below but those of agents' days, so that each of the three reads one range.
create function savings.scopes_of(p_agent uuid, p_unit uuid) returns text[] language sql immutable parallel safe
return array_remove(array['all', p_agent::text, p_unit::text], null);

-- savings.accounts {scope, status}: accounts, and what was collected on them.
-- savings.expected {scope, period_days, ends_on, starts_on}: active accounts, and a marking of each. By the end first:
-- what is past is not read, however many were never filled.
create function savings.account_counts(a savings.accounts)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select a.business_id, x.name, s.scope || x.words, x.total
  from unnest(savings.scopes_of(a.agent_id, a.unit_id)) s (scope)
  cross join lateral (values
    ('savings.accounts', array[a.status::text], a.collected::numeric, true),
    ('savings.expected', array[a.period_days::text, a.ends_on::text, a.starts_on::text], a.marking_amount::numeric,
      a.status = 'active')) x (name, words, total, counts)
  where x.counts
$$;
select core.keep_counters('savings.accounts', 'savings.account_counts');

-- savings.collected {scope, business_date, method}: visits that are confirmed, and their amounts.
-- savings.agent_days {business_date, agent, unit or "", method}: the same by agent, to be read for a day.
-- savings.agent_markings {business_date, agent, unit or ""}: visits, and how many markings they were.
create function savings.collection_counts(c savings.collections)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select c.business_id, x.name, x.dimension, x.total
  from (
    select 'savings.collected' as name, array[s.scope, c.business_date::text, c.method::text] as dimension,
      c.amount::numeric as total
    from unnest(savings.scopes_of(c.agent_id, c.unit_id)) s (scope)
    union all
    select 'savings.agent_days',
      array[c.business_date::text, c.agent_id::text, coalesce(c.unit_id::text, ''), c.method::text], c.amount
    union all
    select 'savings.agent_markings', array[c.business_date::text, c.agent_id::text, coalesce(c.unit_id::text, '')],
      c.markings) x
  where c.status = 'confirmed'
$$;
select core.keep_counters('savings.collections', 'savings.collection_counts');

-- savings.payment_requests {scope, status}: requests, and what they pay.
create function savings.payment_request_counts(r savings.payment_requests)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select r.business_id, 'savings.payment_requests', array[s.scope, r.status::text], r.net::numeric
  from unnest(savings.scopes_of(r.agent_id, r.unit_id)) s (scope)
$$;
select core.keep_counters('savings.payment_requests', 'savings.payment_request_counts');

-- savings.commission {scope, month}: commissions earned, and their amounts. The unit is that of the request, which keeps it.
create function savings.commission_counts(c savings.commissions)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select c.business_id, 'savings.commission', array[s.scope, to_char(c.earned_on, 'YYYY-MM')], c.amount::numeric
  from savings.payment_requests r cross join unnest(savings.scopes_of(c.agent_id, r.unit_id)) s (scope)
  where r.business_id = c.business_id and r.id = c.payment_request_id
$$;
select core.keep_counters('savings.commissions', 'savings.commission_counts');

-- savings.expenses {scope, month}: expenses that are approved, and their amounts, in the month in which they were spent.
create function savings.expense_counts(e savings.expenses)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select e.business_id, 'savings.expenses', array[s.scope, to_char(e.spent_on, 'YYYY-MM')], e.amount::numeric
  from unnest(savings.scopes_of(e.member_id, e.unit_id)) s (scope)
  where e.status = 'approved'
$$;
select core.keep_counters('savings.expenses', 'savings.expense_counts');

-- What agents collected on days of the business's calendar, from p_from to p_to: by agent, day and unit (null: none).
create function savings.agent_days(p_business uuid, p_from date, p_to date)
returns table (agent_id uuid, business_date date, unit_id uuid, collections bigint, markings bigint, cash numeric,
  other numeric) language sql stable as $$
  select v.dimension[2]::uuid, v.dimension[1]::date, nullif(v.dimension[3], '')::uuid,
    sum(v.count) filter (where v.name = 'savings.agent_days')::bigint,
    sum(v.total) filter (where v.name = 'savings.agent_markings')::bigint,
    coalesce(sum(v.total) filter (where v.dimension[4] = 'cash'), 0),
    coalesce(sum(v.total) filter (where v.dimension[4] <> 'cash'), 0)
  from core.counter_values v
  where v.business_id = p_business and v.name in ('savings.agent_days', 'savings.agent_markings')
    and v.dimension >= array[p_from::text] and v.dimension < array[(p_to + 1)::text]
  group by v.dimension[1:3], v.dimension[1], v.dimension[2], v.dimension[3]
  having sum(v.count) <> 0
$$;
