-- Keeps what accounts had posted before the present day began in UTC, for accounts that follow `after`; until five minutes
-- past midnight that is the day before. One replica at a time: another one keeps nothing and goes on after nobody.
-- $1 day (nullable): the day for which all are kept; nothing is done while it is the present one
-- $2 after (nullable): the business and the account to go on after, as a JSON array
-- $3 accounts: how many are looked at
-- $4 entries_least: entries after the last snapshot from which a new one is made
-- $5 entries_most: entries that are summed in one call, about
-- nullable: after
-- index: ledger_accounts_pk, lent_asof_ix, balance_snapshots_pk
with present as materialized (
  select ((now() - interval '5 minutes') at time zone 'UTC')::date as day)
select p.day::text as day, k.is_ours, k.made,
       case when k.account_id is not null then json_build_array(k.business_id, k.account_id)::text end as after
from present p cross join lateral ledger.keep_snapshots(p.day,
  coalesce(($2::text::jsonb ->> 0)::uuid, '00000000-0000-0000-0000-000000000000'),
  coalesce(($2::text::jsonb ->> 1)::uuid, '00000000-0000-0000-0000-000000000000'), $3, $4, $5) k
where p.day is distinct from $1::text::date;
