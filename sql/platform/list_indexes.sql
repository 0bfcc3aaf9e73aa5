-- The indexes of our schemas, how often each was used, its size, and whether it is valid: finds unused and broken ones.
-- $1 schemas: names of the schemas to look into
-- nullable: data
select json_agg(json_build_object(
    'schema', s.schemaname, 'table', s.relname, 'index', s.indexrelname, 'scans', s.idx_scan,
    'size_bytes', pg_relation_size(s.indexrelid), 'unique', i.indisunique, 'valid', i.indisvalid
  ) order by s.schemaname, s.relname, s.indexrelname)::text as data
from pg_stat_user_indexes s
join pg_index i on i.indexrelid = s.indexrelid
where s.schemaname = any($1::text[]);
