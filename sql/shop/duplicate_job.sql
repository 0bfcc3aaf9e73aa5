-- Makes a draft like a job. No row: there is no such job. Refusals: those of shop.duplicate_job.
-- $1 act: who acts, and the idempotency key
-- $2 role: of who acts
-- $3 job_id: which one
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 new_id: id of the new row
-- index: jobs_pk, steps_job_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as materialized (
  select j.id, j.version, shop.job_answer(j, $2::core.member_role) as body
  from act, shop.duplicate_job(act.business_id, $3::uuid, $4::int, $5::uuid) j)
select 201 as status, version, '/api/v1/jobs/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/jobs/' || id, version) as body
from created;
