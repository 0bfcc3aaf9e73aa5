-- A page of the files of a job, newest first; no row when the business has no such job.
-- $1 business_id: the tenant
-- $2 job_id: the job
-- $3 after (nullable): keyset of the last row seen: created_at and id, as a JSON array
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: jobs_pk, files_ref_ix
with page as materialized (
  select f as file, f.created_at, f.id from core.files f
  where f.business_id = $1::uuid and f.ref_type = 'shop.job' and f.ref_id = $2::uuid and f.deleted_at is null
    and ($3::text is null or (f.created_at, f.id) < (($3::jsonb ->> 0)::timestamptz, ($3::jsonb ->> 1)::uuid))
  order by f.created_at desc, f.id desc limit $4::int + 1),
numbered as (select *, row_number() over (order by created_at desc, id desc) as position from page),
shown as (select * from numbered where position <= $4)
select coalesce((select json_agg(core.file_body(file) order by position) from shown), '[]')::text as data,
  (select count(*) > $4 from numbered) as has_more,
  (select json_build_array(created_at::text, id)::text from shown order by position desc limit 1) as last_key
from shop.jobs j where j.business_id = $1 and j.id = $2;
