-- Makes a job: a draft with the next number, and with the steps that are given, or those of a routing.
-- Refusals: those of shop.create_job.
-- $1 act: who acts, and the idempotency key
-- $2 role: of who acts
-- $3 job_id: id of the new row
-- $4 fields: title, description, customer_id, priority, due_on, quantity, unit, price {amount, currency}, as JSON
-- $5 steps (nullable): as shop.add_steps takes them, without ids, as JSON; null for those of the routing
-- $6 routing_id (nullable): whose steps it begins with
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as materialized (
  select j.id, j.version, shop.job_answer(j, $2::core.member_role) as body
  from act, shop.create_job(act.business_id, $2, $3::uuid, $4::text::jsonb, $5::text::jsonb, $6::uuid) j)
select 201 as status, version, '/api/v1/jobs/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/jobs/' || id, version) as body
from created;
