-- Files deleted so long ago that their bytes go too.
-- $1 retention_days: how long deleted files are kept
-- $2 limit_rows: how many at most
-- index: files_deleted_ix
select f.business_id, f.id, f.storage_key from core.files f
where f.deleted_at < now() - make_interval(days => $1)
order by f.deleted_at
limit $2::int;
