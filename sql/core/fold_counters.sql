-- Moves deltas of counters into the counters (core.fold_counters). One replica at a time; another one moves nothing.
-- $1 limit_rows: how many at most
-- index: counters_pk
select core.fold_counters($1::int) as folded;
