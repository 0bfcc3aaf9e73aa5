-- Our open connections by application name and state, with the age of the oldest transaction, seconds.
-- $1 application_pattern: LIKE pattern of application names that belong to us, e.g. `countinghouse/%`
-- nullable: data
select json_agg(json_build_object(
    'application_name', application_name, 'state', state, 'connections', connections,
    'oldest_transaction_s', oldest_transaction_s
  ) order by application_name, state)::text as data
from (
  select application_name, coalesce(state, 'unknown') as state, count(*) as connections,
    coalesce(round(extract(epoch from max(now() - xact_start))::numeric, 3), 0) as oldest_transaction_s
  from pg_stat_activity
  where backend_type = 'client backend' and application_name like $1::text
  group by 1, 2
) as by_state;
