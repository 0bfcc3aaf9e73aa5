-- Undoes a collection. No row: there is none, or not the caller's. Refusals: those of savings.reverse_collection.
-- $1 act: who acts, and the idempotency key
-- $2 own_agent_id (nullable): an agent; null for all collections
-- $3 role: of who acts
-- $4 collection_id: which one
-- $5 version (nullable): the version that If-Match named; null for any
-- $6 moves: every legal move, as JSON
-- $7 reason: why
-- $8 reversal_id: id of the ledger transaction that undoes it
-- nullable: location
-- index: collections_pk, savings_accounts_pk, remittances_pk, payment_request_exists
with act as materialized (select * from core.begin_act($1::text::jsonb)),
reversed as materialized (
  select c.version, savings.collection_body(c::savings.collections, (select a.tracking_number from savings.accounts a
      where a.business_id = c.business_id and a.id = c.savings_account_id),
    savings.positions_of(c::savings.collections))::text as body
  from act, savings.reverse_collection(act.business_id, act.member_id, $2::uuid, $3, $4::uuid, $5::int, $6::text::jsonb, $7,
    $8::uuid) c
  where c.id is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from reversed;
