# Sourced once, when the image makes the database: https://hub.docker.com/_/postgres ("Initialization scripts").
# The server owns its database and is no superuser: every extension it creates is trusted, so an owner may
# (https://www.postgresql.org/docs/18/sql-createextension.html). `monitor` reads statistics and nothing else.
psql --set=ON_ERROR_STOP=1 --quiet --username="${POSTGRES_USER:-postgres}" --dbname="$POSTGRES_DB" <<'SQL'
\set database_password `cat /run/secrets/database_password`
\set monitor_password `cat /run/secrets/monitor_password`
create role countinghouse login password :'database_password';
alter database countinghouse owner to countinghouse;
revoke connect, temporary on database countinghouse from public;
create role monitor login connection limit 5 password :'monitor_password';
grant pg_monitor to monitor;
grant connect on database countinghouse to monitor;
create extension pg_stat_statements;
grant pg_read_all_stats to countinghouse;
SQL
