-- A page of the revisions of a job, newest first: what was changed, from what to what, and why; no row when the business has no
-- such job.
-- $1 business_id: the tenant
-- $2 job_id: the job
-- $3 after (nullable): keyset of the last row seen: its revision_no, as a JSON array
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: jobs_pk, job_revisions_pk
with page as materialized (
  select r.* from shop.job_revisions r
  where r.business_id = $1::uuid and r.job_id = $2::uuid and ($3::text is null or r.revision_no < ($3::jsonb ->> 0)::int)
  order by r.revision_no desc limit $4::int + 1),
numbered as (select *, row_number() over (order by revision_no desc) as position from page),
shown as (select * from numbered where position <= $4)
select coalesce((
    select json_agg(json_build_object('revision_no', r.revision_no, 'reason', r.reason, 'changes', r.changes,
      'created_at', core.iso(r.created_at), 'created_by', r.created_by, 'created_by_name', u.full_name) order by r.position)
    from shown r left join core.users u on u.id = r.created_by), '[]')::text as data,
  (select count(*) > $4 from numbered) as has_more,
  (select json_build_array(revision_no::text)::text from shown order by position desc limit 1) as last_key
from shop.jobs j where j.business_id = $1 and j.id = $2;
