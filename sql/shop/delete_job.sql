-- Deletes a draft with its steps and files. No row: there is no such job. Refusals: those of shop.delete_job.
-- $1 act: who acts
-- $2 job_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: jobs_pk, files_ref_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
deleted as materialized (select shop.delete_job(act.business_id, $2::uuid, $3::int) as id from act)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from deleted where id is not null;
