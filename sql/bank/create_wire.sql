-- Makes a wire, and holds its amount and fee. Refusals: those of bank.make_wire.
-- $1 act: who acts, and the idempotency key
-- $2 own_user_id (nullable): whose customers' accounts are meant; null for all
-- $3 wire_transfer_id: id of the wire, of its transfer and of its hold
-- $4 wire: the members of the request body, as JSON
-- nullable: location
-- index: accounts_pk, beneficiaries_pk, kyc_profiles_pk, watchlist_trgm
with act as materialized (select * from core.begin_act($1::text::jsonb)),
made as materialized (
  select bank.make_wire(act.business_id, ($1::text::jsonb ->> 'session_id')::uuid, $2::uuid, $3::uuid, $4::text::jsonb)::text
    as body
  from act)
select 201 as status, 1 as version, '/api/v1/wire-transfers/' || $3::text as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/wire-transfers/' || $3::text, 1) as body
from made;
