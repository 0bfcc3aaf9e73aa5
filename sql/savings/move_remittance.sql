-- Moves a remittance, with what that means for its cash. No row: there is none. Refusals: those of savings.move_remittance.
-- $1 act: who acts, and the idempotency key
-- $2 own_agent_id (nullable): whose, and whose sub-agents' remittances are meant; null for all
-- $3 role: of who acts
-- $4 remittance_id: which one
-- $5 version (nullable): the version that If-Match named; null for any
-- $6 action: submit, confirm, dispute
-- $7 moves: every legal move, as JSON
-- $8 given: declared, counted and note, as JSON; amounts in minor units
-- $9 next_id: id of the ledger transaction that a confirmation makes
-- nullable: location
-- index: remittances_pk, agents_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as materialized (
  select r.version, savings.remittance_body(r)::text as body
  from act, savings.move_remittance(act.business_id, act.member_id, $2::uuid, $3::text, $4::uuid, $5::int, $6::text,
    $7::text::jsonb, $8::text::jsonb, $9::uuid) r)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from moved;
