-- Puts the steps of a job in another order. No row: there is no such job. Refusals: those of shop.order_steps.
-- $1 act: who acts
-- $2 role: of who acts
-- $3 job_id: which job
-- $4 version (nullable): the version of the job that If-Match named; null for any
-- $5 step_ids: all its steps, in their new order
-- nullable: location
-- index: jobs_pk, steps_job_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as (
  select (j.body ->> 'version')::int as version, j.body::text as body
  from act, shop.order_steps(act.business_id, $3::uuid, $4::int, $2::core.member_role, $5::uuid[]) j (body)
  where j.body is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from moved;
