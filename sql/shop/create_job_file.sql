-- Records a file of a job, whose bytes are stored already. No row: there is no such job.
-- $1 act: who acts, and the idempotency key
-- $2 job_id: which one
-- $3 file_id: id of the new row
-- $4 file: sha256 (hex), size_bytes, mime, filename, storage_key, as a JSON object
-- nullable: version
-- index: jobs_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
job as (
  select j.id from act join shop.jobs j on j.business_id = act.business_id and j.id = $2::uuid for key share of j),
created as (
  select f.id, core.file_body(f)::text as body
  from act, job, core.create_file(act.business_id, $3::uuid, act.user_id, $4::text::jsonb, 'shop.job', job.id) f)
select 201 as status, null::int as version, '/api/v1/files/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/files/' || id) as body
from created;
