-- Takes the lock of a process that is alone on its database, unless another session has it. Held by this session already,
-- it is taken once more: true proves that we have it.
-- $1 name: of the lock
select pg_try_advisory_lock(hashtextextended($1::text, 0)) as is_locked;
