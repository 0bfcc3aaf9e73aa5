-- Takes the lock of this session under which migrations run, unless another session has it. It is tried, never waited
-- for: a waiting statement holds a snapshot, and concurrent index builds wait for all snapshots to go.
-- $1 name: of the lock
select pg_try_advisory_lock(hashtextextended($1::text, 0)) as is_locked;
