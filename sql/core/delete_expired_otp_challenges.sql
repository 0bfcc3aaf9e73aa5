-- Forgets one-time codes that have expired, used or not. One replica at a time; another one forgets nothing.
-- $1 retention_s: seconds after which an expired one is forgotten
-- $2 limit_rows: how many at most
-- index: otp_challenges_expiry_ix
with turn as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('core.delete_expired_otp_challenges', 0)) as is_ours),
gone as (
  delete from core.otp_challenges c using turn
  where turn.is_ours and c.id = any (array(
    select e.id from core.otp_challenges e where e.expires_at < now() - make_interval(secs => $1::int)
    order by e.expires_at limit $2::int))
  returning 1)
select count(*)::int as deleted from gone;
