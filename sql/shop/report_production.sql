-- Reports what a step has produced, which is added to what it has. The answer: the report, with the step after it. No row:
-- there is no such step. Refusals: those of shop.report_production.
-- $1 act: who acts, and the idempotency key
-- $2 role: of who acts
-- $3 step_id: which one
-- $4 version (nullable): the version of the step that If-Match named; null for any
-- $5 moves: in which states production is reported, as JSON
-- $6 given: qty_good, qty_scrap and reason, as JSON
-- $7 report_id: id of the report
-- nullable: version, location
-- index: job_steps_pk, jobs_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
reported as materialized (
  select r.body::text
  from act, shop.report_production(act.business_id, act.member_id, $2::core.member_role, $3::uuid, $4::int,
    $5::text::jsonb, $6::text::jsonb, $7::uuid) r
  where r.body is not null)
select 201 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 201, body) as body
from reported;
