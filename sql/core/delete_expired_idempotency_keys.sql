-- Forgets answers whose keys have expired. One replica at a time; another one forgets nothing.
-- $1 limit_rows: how many at most
-- index: idempotency_keys_expiry_ix
with turn as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('core.delete_expired_idempotency_keys', 0)) as is_ours),
gone as (
  delete from core.idempotency_keys k using turn
  where turn.is_ours and k.ctid = any (array(
    select e.ctid from core.idempotency_keys e where e.expires_at < now() order by e.expires_at limit $1::int))
    and k.expires_at < now()
  returning 1)
select count(*)::int as deleted from gone;
