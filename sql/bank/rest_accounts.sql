-- Makes dormant what no customer has moved for so many days: of the active accounts that follow a place in the order of
-- their keys, so many. A replica that is at it already leaves the others nothing to do (is_ours).
-- $1 after (nullable): business and account after which to go on, as a JSON array; null for the first
-- $2 dormant_days: for businesses that have not set bank.dormant_days
-- $3 limit_rows: how many accounts to look at
-- nullable: last_key
-- index: accounts_pk, btr_from_ix, btr_to_ix
-- scan: walks all accounts in the order of their keys, so many at a time
with turn as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('bank.rest_accounts', 0)) as is_ours),
looked as materialized (
  select a.business_id, a.id, a.status, a.activated_at,
    now() - make_interval(days => coalesce((bank.setting(a.business_id, 'bank.dormant_days'))::int, $2::int)) as since
  from turn, bank.accounts a
  where turn.is_ours and ($1::text is null
    or (a.business_id, a.id) > (($1::jsonb ->> 0)::uuid, ($1::jsonb ->> 1)::uuid))
  order by a.business_id, a.id limit $3::int),
resting as materialized (
  select l.business_id, bank.rest_account(l.business_id, l.id, l.since) as rests
  from looked l
  where l.status = 'active' and l.activated_at < l.since and not bank.has_moved_since(l.business_id, l.id, l.since)),
-- as src/bank/tags.ts writes them
told as materialized (
  select core.invalidate(array['b:' || r.business_id || '|bank_accounts', 'b:' || r.business_id || '|bank_overview'])
  from (select distinct business_id from resting where rests) r)
select turn.is_ours, (select count(*)::int from resting where rests) as rested, (select count(*) from told)::int as told,
  (select count(*) >= $3 from looked) as has_more,
  (select json_build_array(business_id, id)::text from looked order by business_id desc, id desc limit 1) as last_key
from turn;
