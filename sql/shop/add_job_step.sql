-- Adds a step to a job. No row: there is no such job. Refusals: those of shop.add_step.
-- $1 act: who acts, and the idempotency key
-- $2 role: of who acts
-- $3 job_id: which job
-- $4 step_id: id of the new step
-- $5 step: its members, as JSON
-- index: jobs_pk, job_steps_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
added as (
  select $4::uuid as id, (s.body ->> 'version')::int as version, s.body::text as body
  from act, shop.add_step(act.business_id, $3::uuid, $2::core.member_role, $4::uuid, $5::text::jsonb) s (body)
  where s.body is not null)
select 201 as status, version, '/api/v1/job-steps/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/job-steps/' || id, version) as body
from added;
