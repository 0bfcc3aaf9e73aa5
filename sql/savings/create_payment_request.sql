-- Asks for what an account has saved, closes it if it is active, and holds what it has. Refusals: those of
-- savings.request_payment.
-- $1 act: who acts, and the idempotency key
-- $2 own_user_id (nullable): whose customers' accounts are meant; null for all
-- $3 own_agent_id (nullable): only accounts of this agent and of their sub-agents
-- $4 payment_request_id: id of the request and of its hold
-- $5 request: the members of the request body, as JSON
-- nullable: location
-- index: savings_accounts_pk, customers_pk, payment_request_exists, destinations_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
made as materialized (
  select savings.request_payment(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::uuid, $5::text::jsonb)::text as body
  from act)
select 201 as status, 1 as version, '/api/v1/payment-requests/' || $4::text as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/payment-requests/' || $4::text, 1) as body
from made;
