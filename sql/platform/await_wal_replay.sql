-- Whether this standby has replayed the log up to a position, for which it waits in steps of 2 ms; false on any other server.
-- A snapshot taken by a later statement contains every commit up to there: a commit becomes visible while its record is
-- replayed, and the position moves on after that.
-- $1 wal: position on the primary
-- $2 steps_max: how often to wait at most; 0 only looks
with recursive looks as (
  select 0 as step, pg_last_wal_replay_lsn() as replayed
  union all
  select step + 1, case when pg_sleep(0.002) is not null then pg_last_wal_replay_lsn() end
  from looks
  where replayed < $1::text::pg_lsn and step < $2::int
)
select pg_is_in_recovery() and coalesce(max(replayed) >= $1::text::pg_lsn, false) as has_replayed,
  coalesce(max(replayed), '0/0')::text as replayed
from looks;
