-- Changes the members of a job that the patch names: JSON Merge Patch (RFC 7396), null clears. No row: there is no such job.
-- Refusals: those of shop.update_job.
-- $1 act: who acts
-- $2 role: of who acts
-- $3 job_id: which one
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 moves: every legal move, as JSON
-- $6 fields: the members to change, as JSON
-- nullable: location
-- index: jobs_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select j.version, shop.job_answer(j, $2::core.member_role) as body
  from act, shop.update_job(act.business_id, $3::uuid, $4::int, $5::text::jsonb, $6::text::jsonb) j)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
