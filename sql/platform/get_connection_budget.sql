-- What the server allows: how many connections, how many of them only for superusers, how many are open now.
-- $1 application_pattern: LIKE pattern of application names that belong to us, e.g. `countinghouse/%`
select
  current_setting('max_connections')::int as max_connections,
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true), '0')::int as reserved_connections,
  (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as open_connections,
  (select count(*) from pg_stat_activity
    where backend_type = 'client backend' and application_name like $1::text)::int as our_connections;
