-- What stands above the rows of a statement of a savings account, and what they have to come to: both as of one moment. No
-- row: they see no such account.
-- $1 business_id: the tenant
-- $2 account_id: which one
-- $3 own_user_id (nullable): only if its customer has this login
-- $4 own_agent_id (nullable): only if this member, or a sub-agent of theirs, looks after it
-- $5 timezone: IANA zone of the business, whose days these are
-- $6 from_date (nullable): first day; null: when it starts, or was paid into for the first time
-- $7 to_date (nullable): last day; null: today
-- index: savings_accounts_pk, lent_asof_ix, balance_snapshots_pk
select a.tracking_number, a.currency::text as currency, d.first::text as from_date, d.last::text as to_date,
  o.opening::text as opening, (o.opening + r.net)::text as closing, r.entries, r.through_entry_id::text as through_entry_id
from savings.accounts a
cross join lateral (
  select coalesce($6::text::date, least(a.starts_on, (
    select (min(e.effective_at) at time zone $5::text)::date from ledger.entries e
    where e.business_id = a.business_id and e.account_id = a.id and e.phase in ('single', 'post')))) as first) f
cross join lateral (
  select f.first, coalesce($7::text::date, greatest(f.first, (now() at time zone $5)::date)) as last) d
cross join lateral (
  select coalesce(ledger.balance_as_of(a.business_id, a.id,
    d.first::timestamp at time zone $5 - interval '1 microsecond'), 0) as opening) o
cross join lateral (
  select coalesce(sum(case e.side when 'credit' then e.amount else -e.amount end), 0)::bigint as net,
    count(*)::int as entries, coalesce(max(e.id), 0) as through_entry_id
  from ledger.entries e
  where e.business_id = a.business_id and e.account_id = a.id and e.phase in ('single', 'post')
    and e.effective_at >= d.first::timestamp at time zone $5
    and e.effective_at < (d.last + 1)::timestamp at time zone $5) r
where a.business_id = $1 and a.id = $2 and savings.is_seen_by(a, $3::uuid, $4::uuid);
