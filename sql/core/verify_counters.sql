-- How many counters are not what their rows come to, with the first of them in words. Counts every row again.
-- $1 business_id (nullable): of one business; null: of all
-- nullable: first
-- scan: a recount is what it is for; `verify` and a job that takes one business at a time run it
with drift as materialized (select * from core.counter_drift($1::uuid))
select (select count(*)::int from drift) as wrong,
  (select format('%s {%s} of business %s is kept as %s (%s), its rows are %s (%s)', name, array_to_string(dimension, ','),
    business_id, kept, kept_total, counted, counted_total)
   from drift order by business_id, name, dimension limit 1) as first;
