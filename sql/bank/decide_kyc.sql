-- Decides on a customer. No row: they have sent nothing, stale, or in a state that does not allow it.
-- $1 act: who acts, and the idempotency key
-- $2 customer_id: whom it concerns
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 decision: decision, reason, expires_on, risk, enhanced_due_diligence, as a JSON object
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
decided as (
  select p.version, bank.kyc_profile_body(p.customer_id, p, true)::text as body
  from act, bank.decide_kyc(act.business_id, act.user_id, $2::uuid, $3::int, $4::text::jsonb) p
  where p.customer_id is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from decided;
