-- Forgets sessions that ended long ago, with their refresh tokens. One replica at a time; another one forgets nothing.
-- $1 retention_days: how long an expired session is kept, so that a stolen token of it is still known as such
-- $2 limit_rows: how many at most
-- index: sessions_expiry_ix
with turn as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('core.delete_expired_sessions', 0)) as is_ours),
gone as (
  delete from core.sessions s using turn
  where turn.is_ours and s.id = any (array(
    select e.id from core.sessions e where e.expires_at < now() - make_interval(days => $1)
    order by e.expires_at limit $2::int))
  returning 1)
select count(*)::int as deleted from gone;
