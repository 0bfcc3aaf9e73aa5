-- Moves a payment request, with what that means for its money and its account. No row: there is none. Refusals: those of
-- savings.move_payment_request.
-- $1 act: who acts, and the idempotency key
-- $2 own_user_id (nullable): whose customers' requests are meant; null for all
-- $3 own_agent_id (nullable): only requests of this agent and of their sub-agents
-- $4 role: of who acts
-- $5 payment_request_id: which one
-- $6 version (nullable): the version that If-Match named; null for any
-- $7 action: approve, reject, cancel, pay, fail
-- $8 moves: every legal move, as JSON
-- $9 given: reason, failure_code, provider and provider_ref, as JSON
-- $10 next_id: id of the ledger transaction that the move may make
-- nullable: location
-- index: payment_requests_pk, savings_accounts_pk, agents_pk, ltx_resolved_once_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as materialized (
  select m.version, m.body::text as body
  from act, savings.move_payment_request(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::text, $5::uuid, $6::int,
    $7::text, $8::text::jsonb, $9::text::jsonb, $10::uuid) m)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from moved;
