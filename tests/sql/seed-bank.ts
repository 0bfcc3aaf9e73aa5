import { wireMoves } from "../../src/bank/wire-moves.ts";

const moves = JSON.stringify(wireMoves);

/** What leaves an account and counts against its limits, with its day in the business's calendar. */
const outgoing = `select t.business_id, t.from_account_id as account_id, t.kind, t.amount,
    (t.created_at at time zone b.timezone)::date as day
  from bank.transfers t join core.businesses b on b.id = t.business_id
  where t.kind in ('withdrawal', 'internal', 'wire') and t.status in ('posted', 'pending')`;

/** Rows of the bank that contradict each other; each query returns those it found. */
export const bankContradictions: Readonly<Record<string, string>> = {
  "ledgers that do not hold": `select b.code, v.part, v.broken from core.businesses b, ledger.verify(b.id) v`,
  "counters that are not what they count": `select * from core.counter_drift()`,
  "entries that are not in the order of their time": `select id from (
    select id, effective_at, lag(effective_at) over (partition by business_id, account_id order by id) as former
    from ledger.entries) e where e.former > e.effective_at`,
  "balances that were not moved as often as they say": `select b.account_id from ledger.balances b left join (
      select business_id, account_id, shard, count(distinct transaction_id) as moves, max(effective_at) as last
      from ledger.entries group by 1, 2, 3) e using (business_id, account_id, shard)
    where b.version <> coalesce(e.moves, 0) or b.updated_at <> e.last`,
  "transfers that their transaction does not move": `select t.id from bank.transfers t
    left join ledger.transactions x on x.business_id = t.business_id and x.id = t.id
    where x.id is null or x.effective_at <> t.created_at or x.kind <> 'bank.' || t.kind
      or (x.phase = 'pending') <> (t.kind = 'wire') or x.created_by is distinct from t.created_by
      or t.from_account_id is not null and not exists (select from ledger.entries e where e.business_id = t.business_id
        and e.account_id = t.from_account_id and e.transaction_id = t.id and e.side = 'debit' and e.amount = t.amount + t.fee)
      or t.to_account_id is not null and not exists (select from ledger.entries e where e.business_id = t.business_id
        and e.account_id = t.to_account_id and e.transaction_id = t.id and e.side = 'credit' and e.amount = t.amount)
      or t.status = 'reversed' and not exists (select from ledger.transactions r where r.business_id = t.business_id
        and r.id = t.reversed_by_id and t.id in (r.reverses_id, r.source_id) and r.effective_at = t.updated_at)`,
  "transactions without a transfer": `select x.id from ledger.transactions x where x.kind like 'bank.%' and x.kind <> 'bank.opening'
    and not exists (select from bank.transfers t where t.business_id = x.business_id
      and t.id in (x.id, x.pending_id, x.reverses_id, x.source_id))`,
  "limits used by what did not leave": `with outgoing as (${outgoing}), used as (
      select business_id, account_id, 'day' as window_kind, day as window_start, sum(amount) as used from outgoing group by 1, 2, 4
      union all select business_id, account_id, 'month', date_trunc('month', day)::date, sum(amount) from outgoing group by 1, 2, 4
      union all select business_id, account_id, 'wire_day', day, sum(amount) from outgoing where kind = 'wire' group by 1, 2, 4)
    select coalesce(u.account_id, l.account_id) from (
      select u.* from used u join core.businesses b on b.id = u.business_id
      where u.window_start = core.business_today(b.id) or u.window_kind = 'month'
        and u.window_start = date_trunc('month', core.business_today(b.id))::date) u
    full join ledger.limit_usage l using (business_id, account_id, window_kind, window_start)
    where u.used is distinct from l.used`,
  "days on which more left than may": `select o.account_id, o.day from (${outgoing}) o
    join bank.accounts a on a.business_id = o.business_id and a.id = o.account_id
    group by o.business_id, o.account_id, o.day, a.daily_limit having sum(o.amount) > a.daily_limit`,
  "accounts whose ledger account is in another state": `select a.id from bank.accounts a
    join ledger.accounts l on l.business_id = a.business_id and l.id = a.id
    join ledger.balances b on b.business_id = a.business_id and b.account_id = a.id
    where l.status <> bank.ledger_status(a.status) or b.is_open <> (l.status = 'open') or l.currency <> a.currency
      or b.overdraft_limit <> a.overdraft_limit or l.code <> 'bank:account:' || a.id
      or a.status = 'closed' and (b.posted_debit <> b.posted_credit or b.pending_debit > 0)
      or a.status = 'pending' and b.version > 0 or (a.status = 'pending') <> (a.activated_at is null)`,
  "accounts with other limits than those of their level": `select a.id from bank.accounts a,
      bank.level_limits(a.business_id, a.customer_id, a.currency) l
    where a.daily_limit <> l.daily_limit or a.monthly_limit <> l.monthly_limit`,
  "accounts that wait though their customer is known": `select a.id from bank.accounts a
    join bank.kyc_profiles k using (business_id, customer_id)
    where (a.status = 'pending') <> (k.level = 0 and k.status <> 'expired')`,
  "accounts that rest though somebody moved them": `select a.id from bank.accounts a
    join core.businesses b on b.id = a.business_id, lateral (
      select max(t.created_at) as at from bank.transfers t where t.business_id = a.business_id
        and a.id in (t.from_account_id, t.to_account_id) and t.kind not in ('fee', 'interest')) m
    where a.status in ('active', 'dormant') and (a.status = 'dormant') <> (coalesce(m.at, a.opened_at)
      < now() - interval '2 hours' - make_interval(days => coalesce(bank.setting(b.id, 'bank.dormant_days')::int, 365)))`,
  "account numbers with a wrong check digit, or that come again": `select a.id from bank.accounts a
    join core.sequences s on s.business_id = a.business_id and s.name = 'bank.account_number'
    where right(a.account_number, 1) <> bank.check_digit(left(a.account_number, 9))
      or left(a.account_number, 9)::bigint >= s.next_value`,
  "accounts older than their customer": `select a.id from bank.accounts a join core.customers k
    on k.business_id = a.business_id and k.id = a.customer_id where a.opened_at < k.created_at`,
  "moves of accounts that were not there": `select e.id from ledger.entries e join bank.accounts a
    on a.business_id = e.business_id and a.id = e.account_id
    where e.effective_at < a.opened_at or e.effective_at > a.closed_at`,
  "wires whose moves are not legal, or do not lead to where they are": `with event as (
      select e.*, lag(e.to_status) over w as former, lead(e.id) over w is null as is_last
      from bank.wire_transfer_events e window w as (partition by e.business_id, e.transfer_id order by e.id))
    select e.id from event e join bank.wire_transfers w using (business_id, transfer_id)
    where e.from_status is distinct from e.former or e.from_status is null and e.to_status <> 'pending_approval'
      or e.is_last and (e.to_status <> w.status or e.at <> w.updated_at)
      or e.from_status is not null and not exists (
        select from jsonb_to_recordset('${moves}') as m ("from" bank.wire_status, "to" bank.wire_status, roles text[])
        join core.memberships p on p.business_id = e.business_id and p.user_id = e.actor_user_id
        where m.from = e.from_status and m.to = e.to_status and (p.role::text = any (m.roles)
          -- who approves a wire that nobody has to review goes on at once
          or e.to_status = 'approved' and not w.needs_review))`,
  "wires whose hold is not as they are": `select w.transfer_id from bank.wire_transfers w
    join bank.transfers t on t.business_id = w.business_id and t.id = w.transfer_id
    left join ledger.transactions x on x.business_id = w.business_id and x.pending_id = w.transfer_id
    where x.phase is distinct from case when w.status in ('completed', 'returned') then 'post'
        when w.status in ('rejected', 'cancelled') then 'void' end::ledger.phase
      or t.status <> case w.status when 'completed' then 'posted' when 'returned' then 'reversed' when 'rejected' then 'failed'
        when 'cancelled' then 'cancelled' else 'pending' end::bank.transfer_status
      or x.effective_at is distinct from t.settled_at`,
  "wires with another price, or other eyes on them, than the rules ask for": `select w.transfer_id, t.amount, t.fee, q, s
    from bank.wire_transfers w join bank.transfers t on t.business_id = w.business_id and t.id = w.transfer_id
    join bank.accounts a on a.business_id = w.business_id and a.id = t.from_account_id
    join bank.kyc_profiles k on k.business_id = w.business_id and k.customer_id = w.customer_id,
    lateral bank.quote_wire(a, w.target_amount, w.target_currency) q,
    lateral bank.screen(w.business_id, w.beneficiary_snapshot ->> 'name') s
    where a.customer_id <> w.customer_id or k.level < 2
      or (t.amount, t.fee) <> (q.amount, q.fee) or w.fx_rate is distinct from q.fx_rate or t.amount > q.single_limit
      or (w.screening_score, w.screening_hits) <> (s.score, s.hits)
      or w.needs_review <> (q.needs_step_up or s.score >= 0.92)
      or not w.needs_review and w.reviewed_by is not null and w.status <> 'rejected'`,
  "months for which another interest was paid than was earned": `select a.id, p.first from bank.accounts a
    join core.businesses b on b.id = a.business_id, lateral (
      select m::date as first from generate_series(date_trunc('month', a.opened_at at time zone b.timezone),
        date_trunc('month', core.business_today(b.id)) - interval '2 months', '1 month') m) p, lateral (
      select core.half_even(bank.interest_units(a.business_id, a.id, p.first, (p.first + interval '1 month')::date - 1),
        bank.interest_divisor(), 0) as earned) e
    where a.interest_bps + a.overdraft_bps > 0 and a.status in ('active', 'dormant') and e.earned <> coalesce((
      select sum(case when t.to_account_id = a.id then t.amount else -t.amount end) from bank.transfers t
      where t.business_id = a.business_id and t.kind = 'interest'
        and t.reference = bank.interest_reference(a.id, p.first)), 0)`,
  "levels that the documents do not prove": `select k.customer_id from bank.kyc_profiles k where k.status = 'approved'
    and exists (select from bank.kyc_documents d where d.business_id = k.business_id)
    and k.level <> bank.kyc_proved_level(k.business_id, k.customer_id, null) + k.enhanced_due_diligence::int`,
  "rows of the bank's future": `select id from bank.transfers where greatest(created_at, updated_at, settled_at) > now()
    union all select id from ledger.transactions where effective_at > now()
    union all select id from bank.accounts where greatest(opened_at, closed_at, updated_at) > now()
    union all select transfer_id from bank.wire_transfer_events where at > now()
    union all select customer_id from bank.kyc_profiles where greatest(submitted_at, reviewed_at, updated_at) > now()`,
};
