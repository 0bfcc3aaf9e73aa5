-- Takes a step away that was never worked on. No row: there is no such step. Refusals: those of shop.delete_step.
-- $1 act: who acts
-- $2 role: of who acts
-- $3 step_id: which one
-- $4 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: jobs_pk, job_steps_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as (
  select d.id from act, shop.delete_step(act.business_id, $3::uuid, $4::int, $2::core.member_role) d (id)
  where d.id is not null)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
