-- Gives a step to a member and to a machine, or takes it from them.
-- No row: there is no such step. Refusals: those of shop.assign_step.
-- $1 act: who acts
-- $2 role: of who acts
-- $3 step_id: which one
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 given: member_id and machine_id, as JSON; null takes it away, and what is left out stays
-- nullable: location
-- index: jobs_pk, job_steps_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  select (s.body ->> 'version')::int as version, s.body::text as body
  from act, shop.assign_step(act.business_id, $3::uuid, $4::int, $2::core.member_role, $5::text::jsonb) s (body)
  where s.body is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
