-- Moves a wire, with what that means for its money and its limits. No row: there is none. Refusals: those of bank.move_wire.
-- $1 act: who acts, and the idempotency key
-- $2 own_user_id (nullable): whose customers' wires are meant; null for all
-- $3 role: of who acts
-- $4 wire_transfer_id: which one
-- $5 version (nullable): the version that If-Match named; null for any
-- $6 action: approve, hold, release, reject, submit, complete, return, cancel
-- $7 moves: every legal move, as JSON
-- $8 given: reason and network_ref, as JSON
-- $9 next_id: id of the ledger transaction that the move may make
-- nullable: location
-- index: wire_transfers_pk, transfers_pk, wire_transfer_events_pk, ltx_resolved_once_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as materialized (
  select m.version, m.body::text as body
  from act, bank.move_wire(act.business_id, act.user_id, $2::uuid, $3::text, $4::uuid, $5::int, $6::text,
    $7::text::jsonb, $8::text::jsonb, $9::uuid) m)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from moved;
