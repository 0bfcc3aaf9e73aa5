-- An index that a failed concurrent build left behind: it costs writes and serves no query. No row: there is none.
-- $1 schema_name: schema of the index, which is its table's
-- $2 index_name: name of the index
-- scan: the catalogue
select c.relname::text as index_name
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1::text and c.relname = $2::text and not i.indisvalid;
