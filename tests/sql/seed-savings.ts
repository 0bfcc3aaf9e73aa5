import {
  collectionMethods,
  collectionStatuses,
  commissionRules,
  expenseSources,
  expenseStatuses,
  paymentMethods,
  paymentRequestStatuses,
  productKinds,
  remittanceStatuses,
  savingsAccountStatuses,
} from "../../src/platform/enums.ts";

/** Confirmed cash that belongs to a remittance, less what was spent of it. */
const expected = `(select coalesce(sum(c.amount), 0) from savings.collections c where c.business_id = r.business_id
    and c.remittance_id = r.id and c.confirmed_at is not null
    and (c.status = 'confirmed' or c.reversed_at > r.confirmed_at))
  - (select coalesce(sum(e.amount), 0) from savings.expenses e where e.business_id = r.business_id and e.remittance_id = r.id)`;

/** Rows of savings that contradict each other; each query returns those it found. */
export const savingsContradictions: Readonly<Record<string, string>> = {
  "what verify says of savings": `select b.code, v.part, v.broken from core.businesses b, savings.verify(b.id) v`,
  "what verify says of the bank": `select b.code, v.part, v.broken from core.businesses b, bank.verify(b.id) v`,
  "accounts with another balance than was paid into them and out of them": `select a.id from savings.accounts a
    join ledger.balances b on b.business_id = a.business_id and b.account_id = a.id
    join ledger.accounts l on l.business_id = a.business_id and l.id = a.id,
    lateral (select count(*) as paid, coalesce(sum(m.amount), 0) as collected, max(m.position) as last from savings.markings m
      where m.business_id = a.business_id and m.savings_account_id = a.id and m.reversed_at is null) m
    where (a.markings_paid, a.collected) <> (m.paid, m.collected) or m.last > a.markings_total
      or b.posted_credit - b.posted_debit <> a.collected - coalesce((select sum(q.gross) from savings.payment_requests q
        where q.business_id = a.business_id and q.savings_account_id = a.id and q.status = 'paid'), 0)
      or l.code <> 'savings:account:' || a.id or (l.owner_type, l.owner_id) is distinct from ('savings.account', a.customer_id)
      or b.overdraft_limit <> 0 or b.max_balance is null`,
  "accounts in another state than they have come to": `select a.id, a.status from savings.accounts a
    where (a.status = 'paid_out') <> exists (select from savings.payment_requests q where q.business_id = a.business_id
        and q.savings_account_id = a.id and q.status = 'paid')
      or a.status = 'active' and a.markings_paid = a.markings_total
      or (a.closed_at is null) <> (a.status in ('active', 'completed'))`,
  "accounts whose slots do not lie as their terms say": `select a.id from savings.accounts a join savings.products p
      on p.business_id = a.business_id and p.id = a.product_id
    where a.markings_total <> savings.slots_of(a.starts_on, a.calendar_month, a.cycle_markings, a.cycles)
      or a.ends_on <> savings.due_on(a.starts_on, a.period_days, a.markings_total)
      or to_jsonb(a) @> (to_jsonb(p) - '{id,name,kind,is_active,version,created_at,updated_at,created_by,updated_by}'::text[])
        is not true
    union all select m.savings_account_id from savings.markings m join savings.accounts a
      on a.business_id = m.business_id and a.id = m.savings_account_id
    where m.for_date <> savings.due_on(a.starts_on, a.period_days, m.position)
      or not a.flexible_amount and m.amount <> a.marking_amount
      or m.amount not between a.min_marking_amount and a.max_marking_amount`,
  "numbers with a wrong check digit": `select a.id from savings.accounts a, lateral (
      select sum(case when n % 2 = 1 then d when d > 4 then d * 2 - 9 else d * 2 end) as sum
      from generate_series(1, 10) n, lateral (select substr(a.tracking_number, 11 - n, 1)::int as d) d) l
    where l.sum % 10 <> 0`,
  "runs that do not follow each other": `select a.id from (select a.*, row_number() over (
      partition by a.business_id, a.customer_id, a.product_id order by a.created_at) as no from savings.accounts a) a
    where a.no <> a.run_no`,
  "collections that their slots or their transaction do not make up": `select c.id from savings.collections c
    join savings.accounts a on a.business_id = c.business_id and a.id = c.savings_account_id
    join core.businesses b on b.id = c.business_id
    left join ledger.transactions x on x.business_id = c.business_id and x.id = c.id,
    lateral (select count(*) as count, sum(m.amount) as amount, array_agg(m.amount order by m.position) as amounts,
        bool_and(m.reversed_at is not distinct from c.reversed_at) as is_same from savings.markings m
      where m.business_id = c.business_id and m.savings_account_id = c.savings_account_id and m.collection_id = c.id) m
    where c.business_date <> (c.collected_at at time zone b.timezone)::date
      or (c.confirmed_at is null) <> (x.id is null) or (c.confirmed_at is null) <> (m.count = 0)
      or x.effective_at <> c.confirmed_at or x.kind <> 'savings.collection'
      or m.count > 0 and ((m.count, m.amount) <> (c.markings, c.amount) or not m.is_same
        or c.amounts <> m.amounts and c.status = 'confirmed')
      or (select sum(e.amount) from ledger.entries e where e.business_id = c.business_id and e.transaction_id = c.id
        and e.account_id = c.savings_account_id and e.side = 'credit') is distinct from case when x.id is not null then c.amount end
      or (c.method = 'cash') <> (c.remittance_id is not null) or (c.method = 'cash') <> (c.provider_ref is null)`,
  "reversals that do not undo their collection": `select c.id from savings.collections c
    left join ledger.transactions x on x.business_id = c.business_id and x.id = c.reversal_id
    where c.status = 'reversed' and ((x.kind, x.effective_at) is distinct from ('savings.reversal', c.reversed_at)
      or x.source_id <> c.id or not exists (select from ledger.entries e
        where e.business_id = c.business_id and e.transaction_id = x.id and e.account_id = c.savings_account_id
          and e.side = 'debit' and e.amount = c.amount))`,
  "receipts that do not count on": `select g.id from savings.agents g left join savings.collections c
      on c.business_id = g.business_id and c.agent_id = g.id
    group by g.business_id, g.id having g.receipts <> count(c.id) or g.receipts <> coalesce(max(right(c.receipt_no, 6)::int), 0)
      or bool_or(c.receipt_no not like 'R' || g.agent_no || '-%')`,
  "remittances that expect something else than was collected": `select r.id, r.expected from savings.remittances r
    where r.expected <> ${expected}`,
  "remittances that were counted, and not booked so": `select r.id from savings.remittances r
    left join ledger.transactions x on x.business_id = r.business_id and x.id = r.ledger_transaction_id
    where x.effective_at <> r.confirmed_at or x.source_id <> r.id
      or (r.status = 'confirmed' and r.expected + r.counted > 0) <> (x.id is not null)
      or r.status = 'confirmed' and r.expected is distinct from (select coalesce(sum(e.amount), 0) from ledger.entries e
        join savings.agents g on g.business_id = r.business_id and g.id = r.agent_id and g.cash_id = e.account_id
        where e.business_id = r.business_id and e.transaction_id = x.id and e.side = 'credit')`,
  "agents with other cash than they have collected and not handed over": `select g.id from savings.agents g
    join ledger.balances b on b.business_id = g.business_id and b.account_id = g.cash_id
    join ledger.accounts l on l.business_id = g.business_id and l.id = g.cash_id
    where b.posted_debit - b.posted_credit <> coalesce((select sum(r.expected) from savings.remittances r
        where r.business_id = g.business_id and r.agent_id = g.id and r.status <> 'confirmed'), 0)
      or b.max_balance is distinct from savings.cash_ceiling(g.business_id) or l.code <> 'agent:' || g.id || ':cash'`,
  "agents who owe, or are owed, something else than was missing": `select g.id from savings.agents g
    join ledger.balances b on b.business_id = g.business_id and b.account_id = g.receivable_id
    where b.posted_debit - b.posted_credit <> coalesce((select -sum(r.variance) from savings.remittances r
        where r.business_id = g.business_id and r.agent_id = g.id and r.status = 'confirmed'), 0)
      - coalesce((select sum(c.amount) from savings.collections c join savings.remittances r
        on r.business_id = c.business_id and r.id = c.remittance_id and r.confirmed_at < c.reversed_at
        where c.business_id = g.business_id and c.agent_id = g.id), 0)`,
  "requests that come to something else than the terms": `select q.id from savings.payment_requests q
    join savings.accounts a on a.business_id = q.business_id and a.id = q.savings_account_id
    join core.businesses b on b.id = q.business_id
    join core.memberships m on m.business_id = q.business_id and m.id = q.agent_id,
    lateral savings.settlement(a, ((case when a.closed_at < q.created_at and a.close_reason is not null
      then a.closed_at else q.created_at end) at time zone b.timezone)::date) s
    where (q.gross, q.commission, q.fees, q.net) <> (s.gross, s.commission, s.fees, s.net)
      or q.parent_agent_id is distinct from m.parent_member_id or q.agent_id <> a.agent_id
      or q.agent_amount <> floor(q.commission * a.agent_share_bps / 10000.0
        * (10000 - case when m.parent_member_id is null then 0 else a.parent_share_bps end) / 10000)
      or q.parent_amount <> floor(q.commission * a.agent_share_bps / 10000.0
        * case when m.parent_member_id is null then 0 else a.parent_share_bps end / 10000)`,
  "requests whose hold is not as they are": `select q.id from savings.payment_requests q
    left join ledger.transactions h on h.business_id = q.business_id and h.id = q.id
    left join ledger.transactions x on x.business_id = q.business_id and x.pending_id = q.id
    left join ledger.transactions p on p.business_id = q.business_id and p.id = q.ledger_transaction_id
    where (h.phase, h.kind, h.effective_at) is distinct from ('pending', 'savings.payment', q.created_at)
      or x.phase is distinct from case when q.status = 'paid' then 'post'
        when q.status in ('rejected', 'cancelled') then 'void' end::ledger.phase
      or x.effective_at <> q.updated_at or (p.id is null) <> (q.status <> 'paid') or p.effective_at <> q.paid_at
      or q.status = 'paid' and q.net <> (select sum(e.amount) from ledger.entries e
        where e.business_id = q.business_id and e.transaction_id = p.id and e.side = 'credit')`,
  "commissions that were not earned so": `select coalesce(c.id, q.id) from savings.commissions c
    full join (select * from savings.payment_requests where status = 'paid' and commission > 0) q
      on q.business_id = c.business_id and q.id = c.payment_request_id
    where (c.savings_account_id, c.amount, c.agent_amount, c.parent_amount, c.agent_id, c.created_at)
      is distinct from (q.savings_account_id, q.commission, q.agent_amount, q.parent_amount, q.agent_id, q.paid_at)
      or c.parent_settlement_id is not null and c.parent_amount = 0`,
  "agents with other commission than they have earned and were not paid": `select g.id from savings.agents g
    join ledger.balances b on b.business_id = g.business_id and b.account_id = g.commission_id
    where b.posted_credit - b.posted_debit <> coalesce((select sum(
        case when c.agent_id = g.id and c.agent_settlement_id is null then c.agent_amount else 0 end
        + case when c.parent_agent_id = g.id and c.parent_settlement_id is null then c.parent_amount else 0 end)
      from savings.commissions c where c.business_id = g.business_id and g.id in (c.agent_id, c.parent_agent_id)), 0)`,
  "expenses that were not booked as they were decided": `select e.id from savings.expenses e
    left join ledger.transactions x on x.business_id = e.business_id and x.id = e.ledger_transaction_id
    where (e.status = 'recorded') <> (e.decided_at is null) or x.effective_at <> e.decided_at or x.source_id <> e.id
      or (e.status = 'approved' and e.paid_from = 'agent_cash') <> (e.remittance_id is not null)
      or e.status = 'approved' and not exists (select from ledger.entries l join ledger.accounts a
        on a.business_id = l.business_id and a.id = l.account_id where l.business_id = e.business_id
          and l.transaction_id = x.id and l.side = 'debit' and l.amount = e.amount and a.code = 'expense:' || e.category)`,
  "people who did what is another's": `select q.id from savings.payment_requests q
      join core.memberships m on m.business_id = q.business_id and m.user_id in (q.decided_by, q.paid_by)
      where m.role not in ('owner', 'admin', 'manager')
    union all select r.id from savings.remittances r join core.memberships m
      on m.business_id = r.business_id and m.id = r.confirmed_by where m.role not in ('owner', 'admin', 'manager')
    union all select a.id from savings.accounts a join core.memberships m
      on m.business_id = a.business_id and m.id = a.agent_id where m.role not in ('agent', 'sub_agent')`,
  "accounts older than their customer": `select a.id from savings.accounts a join core.customers k
    on k.business_id = a.business_id and k.id = a.customer_id where a.created_at < k.created_at
    union all select c.id from savings.collections c join savings.accounts a
      on a.business_id = c.business_id and a.id = c.savings_account_id
    where c.collected_at < a.created_at or c.business_date < a.starts_on or c.collected_at > a.closed_at`,
  "rows of the future of savings": `select id from savings.accounts where greatest(created_at, closed_at, updated_at) > now()
    union all select id from savings.collections where greatest(collected_at, confirmed_at, reversed_at, updated_at) > now()
    union all select id from savings.remittances where greatest(submitted_at, confirmed_at, updated_at) > now()
    union all select id from savings.payment_requests where greatest(created_at, decided_at, paid_at, updated_at) > now()
    union all select id from savings.expenses where greatest(created_at, decided_at) > now()`,
};

/** What there is of each column of the demo: everything. */
export const demoSavingsStates: Readonly<Record<string, readonly string[]>> = {
  "products kind": productKinds,
  "accounts commission_rule": commissionRules,
  "accounts status": savingsAccountStatuses,
  "collections status": collectionStatuses,
  "collections method": collectionMethods,
  "remittances status": remittanceStatuses,
  "payment_requests status": paymentRequestStatuses,
  "payment_requests method": paymentMethods,
  "expenses status": expenseStatuses,
  "expenses paid_from": expenseSources,
};

/** States that end by themselves: the last days of a demo have to show them, whenever it is made. */
export const livingStates: Readonly<Record<string, readonly string[]>> = {
  "savings.accounts": ["active", "completed", "closed_early"],
  "savings.remittances": ["open", "submitted", "disputed"],
  "savings.payment_requests": ["pending", "approved", "paying", "failed", "rejected", "cancelled"],
  "savings.expenses": ["recorded", "approved", "rejected"],
};

/** Whether customers of the demo are behind and ahead, agents have cash, and accounts could be paid out. */
export const demoSavingsNow = `select
    bool_or(a.status = 'active' and a.markings_paid >= e.slots) as ahead,
    bool_or(a.status = 'active' and a.markings_paid < e.slots - 2) as behind,
    bool_or(exists (select from savings.agents g join ledger.balances b on b.business_id = g.business_id
      and b.account_id = g.cash_id where g.business_id = k.id and b.posted_debit > b.posted_credit)) as in_hand,
    bool_or(a.status in ('completed', 'closed_early') and not exists (select from savings.payment_requests q
      where q.business_id = a.business_id and q.savings_account_id = a.id
        and q.status in ('pending', 'approved', 'paying', 'failed', 'paid'))) as payable
  from core.businesses k join savings.accounts a on a.business_id = k.id
  cross join lateral savings.elapsed(a, core.business_today(k.id)) e (slots)
  where k.code = 'DEMO'`;
