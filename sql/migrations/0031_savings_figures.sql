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

---------------------------------------------------------------------------------------------------------------- proofs
-- Accounts: what they say of themselves is what their markings come to, and what the ledger has of them is that less what
-- was paid; what is asked for is held.
create function savings.broken_account(p_business uuid) returns text language sql stable as $$
  with paid as (
    select m.savings_account_id as id, count(*) as markings, sum(m.amount) as amount, max(m.position) as last
    from savings.markings m where m.business_id = p_business and m.reversed_at is null group by 1),
  asked as (
    select r.savings_account_id as id, coalesce(sum(r.gross) filter (where r.status = 'paid'), 0) as paid,
      coalesce(sum(r.gross) filter (where r.status in ('pending', 'approved', 'paying', 'failed')), 0) as held
    from savings.payment_requests r where r.business_id = p_business group by 1)
  select coalesce((
    select format('account %s (%s) %s', a.id, a.tracking_number, w.what)
    from savings.accounts a
    left join paid m on m.id = a.id
    left join asked r on r.id = a.id
    left join ledger.accounts l on l.business_id = a.business_id and l.id = a.id and l.code = 'savings:account:' || a.id
      and (l.kind, l.currency, l.owner_type, l.shards) = ('liability', a.currency, 'savings.account', 1)
    left join ledger.balances b on b.business_id = l.business_id and b.account_id = l.id
    cross join lateral (select case
      when b.account_id is null then 'is not in the ledger'
      when (a.markings_paid, a.collected) <> (coalesce(m.markings, 0), coalesce(m.amount, 0)) then
        format('says that %s markings of %s in all are paid, it has %s of %s', a.markings_paid, a.collected,
          coalesce(m.markings, 0), coalesce(m.amount, 0))
      when m.last > a.markings_total then format('has a marking at %s and %s slots', m.last, a.markings_total)
      when b.posted_credit - b.posted_debit <> coalesce(m.amount, 0) - coalesce(r.paid, 0) then
        format('has %s in the ledger, its markings less what was paid are %s', b.posted_credit - b.posted_debit,
          coalesce(m.amount, 0) - coalesce(r.paid, 0))
      when b.pending_debit <> coalesce(r.held, 0) then
        format('has %s held in the ledger, requests for %s are live', b.pending_debit, coalesce(r.held, 0))
      when a.status = 'active' and a.markings_paid >= a.markings_total then 'is active and full'
      when a.status in ('active', 'cancelled') and r.held > 0 then format('is %s, and a payment is asked for', a.status)
      when (a.status = 'paid_out') <> (coalesce(r.paid, 0) > 0) then
        format('is %s, and %s was paid', a.status, coalesce(r.paid, 0)) end as what) w
    where a.business_id = p_business and w.what is not null order by a.id limit 1), (
    select format('marking %s of account %s is for %s, its slot is due on %s', m.position, a.id, m.for_date,
      savings.due_on(a.starts_on, a.period_days, m.position))
    from savings.markings m join savings.accounts a on a.business_id = m.business_id and a.id = m.savings_account_id
    where m.business_id = p_business and m.for_date <> savings.due_on(a.starts_on, a.period_days, m.position)
    order by a.id, m.position limit 1))
$$;

-- Visits: each that is confirmed is a transaction of its amount, and so much in markings; no other is either.
-- Materialized: a plan for the first row alone would compare every visit with every other, since there is none to be found.
create function savings.broken_collection(p_business uuid) returns text language sql stable as $$
  with marked as (
    select m.savings_account_id, m.collection_id, count(*) as markings, sum(m.amount) as amount
    from savings.markings m where m.business_id = p_business and m.reversed_at is null group by 1, 2),
  booked as (
    select e.transaction_id as id, min(e.account_id::text) filter (where e.side = 'debit') as from_account,
      min(e.account_id::text) filter (where e.side = 'credit') as to_account,
      sum(e.amount) filter (where e.side = 'credit') as amount
    from ledger.transactions x join ledger.entries e on e.business_id = x.business_id and e.transaction_id = x.id
    where x.business_id = p_business and x.kind in ('savings.collection', 'savings.reversal') group by 1),
  wrong as materialized (
    select c.id, format('collection %s (%s) of %s %s', c.id, c.receipt_no, c.amount, w.what) as words
    from savings.collections c
    left join marked m on m.savings_account_id = c.savings_account_id and m.collection_id = c.id
    left join savings.agents g on g.business_id = c.business_id and g.id = c.agent_id
    left join savings.remittances r on r.business_id = c.business_id and r.id = c.remittance_id
    left join booked b on b.id = c.id
    left join booked u on u.id = c.reversal_id
    cross join lateral (select case
      when (c.status = 'confirmed' or c.reversal_id is not null) <> (b.id is not null) then
        format('is %s, and the ledger has it as %s', c.status, coalesce(b.amount::text, 'nothing'))
      when (b.amount, b.to_account) <> (c.amount, c.savings_account_id::text) then
        format('is %s to account %s in the ledger', b.amount, b.to_account)
      when b.id is not null and c.method = 'cash' and b.from_account is distinct from g.cash_id::text then
        'is not from the cash of its agent in the ledger'
      when c.reversal_id is not null and (u.amount, u.from_account) is distinct from (c.amount, c.savings_account_id::text) then
        format('is reversed, and the ledger gave back %s', coalesce(u.amount::text, 'nothing'))
      when (coalesce(m.markings, 0), coalesce(m.amount, 0)) <>
        (case when c.status = 'confirmed' then c.markings else 0 end, case when c.status = 'confirmed' then c.amount else 0 end)
        then format('is %s of %s markings, and %s markings of %s are paid by it', c.status, c.markings,
          coalesce(m.markings, 0), coalesce(m.amount, 0))
      when c.method = 'cash' and c.status = 'confirmed' and r.agent_id is distinct from c.agent_id then
        'belongs to no remittance of its agent' end as what) w
    where c.business_id = p_business and w.what is not null)
  select coalesce((select words from wrong order by id limit 1), (
    select format('marking %s of account %s is paid by no collection of it', m.position, m.savings_account_id)
    from savings.markings m
    where m.business_id = p_business and m.reversed_at is null and not exists (
      select from savings.collections c where c.business_id = p_business and c.id = m.collection_id
        and c.savings_account_id = m.savings_account_id)
    order by m.savings_account_id, m.position limit 1), (
    select format('transaction %s is of a visit, and no collection tells of it', x.id)
    from ledger.transactions x
    where x.business_id = p_business and x.kind = 'savings.collection' and x.source_id is null and not exists (
      select from savings.collections c where c.business_id = p_business and c.id = x.id)
    order by x.id limit 1))
$$;

-- Cash visits that a remittance answers for: those that stand, and those that were undone when it was confirmed already, for
-- which the agent then is owed.
create function savings.cash_visits(p_business uuid)
returns table (agent_id uuid, remittance_id uuid, amount bigint, is_owed boolean) language sql stable as $$
  select c.agent_id, c.remittance_id, c.amount, c.status = 'reversed'
  from savings.collections c join savings.agents g on g.business_id = c.business_id and g.id = c.agent_id
  where c.business_id = p_business and c.method = 'cash' and (c.status = 'confirmed' or c.reversal_id is not null and exists (
    select from ledger.entries e where e.business_id = c.business_id and e.transaction_id = c.reversal_id
      and e.account_id = g.receivable_id and e.side = 'credit'))
$$;

-- Cash: a remittance expects the visits that belong to it less what was spent from it; confirmed, so much has left the
-- agent's cash. An agent has in hand what is not confirmed, owes what was missing, and has earned what was not settled.
create function savings.broken_cash(p_business uuid) returns text language sql stable as $$
  with visits as materialized (select * from savings.cash_visits(p_business)),
  spent as (
    select e.remittance_id as id, sum(e.amount) as amount from savings.expenses e
    where e.business_id = p_business and e.status = 'approved' and e.paid_from = 'agent_cash' group by 1),
  remittance as materialized (
    select r.*, coalesce(v.amount, 0) - coalesce(s.amount, 0) as due, (
        select coalesce(sum(e.amount), 0) from ledger.entries e
        where e.business_id = p_business and e.transaction_id = r.ledger_transaction_id and e.account_id = g.cash_id
          and e.side = 'credit') as taken
    from savings.remittances r
    left join savings.agents g on g.business_id = r.business_id and g.id = r.agent_id
    left join (select v.remittance_id as id, sum(v.amount) as amount from visits v group by 1) v on v.id = r.id
    left join spent s on s.id = r.id
    where r.business_id = p_business),
  agent as (
    select g.id, g.agent_no, b.purpose, b.posted, case b.purpose
        when 'cash' then (select coalesce(sum(r.expected), 0) from remittance r
          where r.agent_id = g.id and r.status <> 'confirmed')
        when 'receivable' then (select coalesce(sum(-r.variance), 0) from remittance r
            where r.agent_id = g.id and r.status = 'confirmed')
          - (select coalesce(sum(v.amount), 0) from visits v where v.agent_id = g.id and v.is_owed)
        else (select coalesce(sum(c.agent_amount), 0) from savings.commissions c
            where c.business_id = p_business and c.agent_id = g.id and c.agent_settlement_id is null)
          + (select coalesce(sum(c.parent_amount), 0) from savings.commissions c
            where c.business_id = p_business and c.parent_agent_id = g.id and c.parent_settlement_id is null) end as due
    from savings.agents g
    cross join lateral (values ('cash', g.cash_id), ('receivable', g.receivable_id), ('commission', g.commission_id))
      p (purpose, account_id)
    left join lateral (select p.purpose, a.posted from ledger.account_balances a
      where a.business_id = p_business and a.id = p.account_id) b on true
    where g.business_id = p_business)
  select coalesce((
    select format('remittance %s of %s (%s) expects %s, its visits less what was spent are %s, and %s left the cash', r.id,
      r.business_date, r.status, r.expected, r.due, r.taken)
    from remittance r
    where r.expected <> r.due or r.taken <> case when r.status = 'confirmed' then r.expected else 0 end
    order by r.id limit 1), (
    select format('agent %s (%s) has %s as %s in the ledger, it should be %s', a.id, a.agent_no, coalesce(a.posted::text,
      'nothing'), a.purpose, a.due)
    from agent a where a.posted is distinct from a.due order by a.id, a.purpose limit 1))
$$;

-- Payments: a live request is held, a paid one was paid and has earned its commission once, any other is let go.
create function savings.broken_payment(p_business uuid) returns text language sql stable as $$
  select coalesce((
    select format('payment request %s (%s) is %s of %s and %s net; the ledger holds %s, ended by %s, and paid %s', r.id,
      r.reference, r.status, r.gross, r.net, coalesce(h.amount::text, 'nothing'), coalesce(x.phase::text, 'nothing'),
      coalesce(p.amount::text, 'nothing'))
    from savings.payment_requests r
    left join ledger.transactions x on x.business_id = r.business_id and x.pending_id = r.id
    left join lateral (select sum(e.amount) as amount from ledger.entries e where e.business_id = r.business_id
      and e.transaction_id = r.id and e.account_id = r.savings_account_id and e.side = 'debit' and e.phase = 'pending') h on true
    left join lateral (select sum(e.amount) as amount from ledger.entries e where e.business_id = r.business_id
      and e.transaction_id = r.ledger_transaction_id and e.side = 'debit') p on true
    where r.business_id = p_business and (h.amount, x.phase, p.amount) is distinct from (r.gross, case
        when r.status = 'paid' then 'post' when r.status in ('rejected', 'cancelled') then 'void' end::ledger.phase,
      case when r.status = 'paid' then r.net end)
    order by r.id limit 1), (
    select format('payment request %s is %s with a commission of %s (%s to the agent, %s above), earned is %s (%s, %s)', r.id,
      r.status, r.commission, r.agent_amount, r.parent_amount, coalesce(c.amount::text, 'nothing'), c.agent_amount,
      c.parent_amount)
    from (select * from savings.payment_requests where business_id = p_business) r
    full join (select * from savings.commissions where business_id = p_business) c on c.payment_request_id = r.id
    where (c.amount, c.agent_amount, c.parent_amount, c.savings_account_id) is distinct from (
      case when r.status = 'paid' then nullif(r.commission, 0) end,
      case when r.status = 'paid' and r.commission > 0 then r.agent_amount end,
      case when r.status = 'paid' and r.commission > 0 then r.parent_amount end,
      case when r.status = 'paid' and r.commission > 0 then r.savings_account_id end)
    order by r.id limit 1))
$$;

-- Expenses: what is approved was paid, from where it says.
create function savings.broken_expense(p_business uuid) returns text language sql stable as $$
  select format('expense %s is %s of %s from %s, the ledger has %s from %s', e.id, e.status, e.amount, e.paid_from,
    coalesce(p.amount::text, 'nothing'), coalesce(p.code, 'nowhere'))
  from savings.expenses e
  left join savings.remittances r on r.business_id = e.business_id and r.id = e.remittance_id
  left join lateral (select n.amount, a.code from ledger.entries n
    join ledger.accounts a on a.business_id = n.business_id and a.id = n.account_id
    where n.business_id = e.business_id and n.transaction_id = e.ledger_transaction_id and n.side = 'credit' limit 1) p on true
  where e.business_id = p_business and ((p.amount, p.code) is distinct from (
      case when e.status = 'approved' then e.amount end, case when e.status = 'approved' then
        case e.paid_from when 'vault' then 'cash:vault' else 'agent:' || e.member_id || ':cash' end end)
    or e.status = 'approved' and (e.paid_from = 'agent_cash') <> (r.agent_id is not distinct from e.member_id))
  order by e.id limit 1
$$;

create function savings.verify(p_business uuid) returns table (part text, broken text) language sql stable as $$
  select c.part, c.broken
  from (values ('accounts', savings.broken_account(p_business)), ('collections', savings.broken_collection(p_business)),
    ('cash', savings.broken_cash(p_business)), ('payments', savings.broken_payment(p_business)),
    ('expenses', savings.broken_expense(p_business)), ('events', savings.broken_event(p_business))) c (part, broken)
  where c.broken is not null
$$;
