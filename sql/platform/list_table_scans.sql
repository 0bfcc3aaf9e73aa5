-- Tables of our schemas that are read in sequence, most rows read first: shows where an index is missing.
-- $1 schemas: names of the schemas to look into
-- $2 min_rows: smallest table to name, in rows
-- nullable: data
select json_agg(json_build_object(
    'schema', schemaname, 'table', relname, 'rows', n_live_tup, 'sequential_scans', seq_scan,
    'rows_read_in_sequence', seq_tup_read, 'index_scans', idx_scan, 'dead_rows', n_dead_tup
  ) order by seq_tup_read desc, schemaname, relname)::text as data
from pg_stat_user_tables
where schemaname = any($1::text[]) and n_live_tup >= $2::bigint and seq_scan > 0;
