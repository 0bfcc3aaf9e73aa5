-- Pays an agent what they have earned until a day. Refusals: those of savings.settle_commissions.
-- $1 act: who acts, and the idempotency key
-- $2 settlement_id: id of the ledger transaction
-- $3 agent_id: who is paid
-- $4 until: the last day that counts
-- nullable: version
-- index: agents_pk, comm_agent_ix, comm_parent_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
settled as materialized (
  select savings.settle_commissions(act.business_id, act.member_id, $2::uuid, $3::uuid, $4::date)::text as body from act)
select 201 as status, null::int as version, '/api/v1/ledger/transactions/' || $2::text as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/ledger/transactions/' || $2::text) as body
from settled;
