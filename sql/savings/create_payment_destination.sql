-- Keeps where a customer is paid. Refusals: those of savings.add_destination.
-- $1 act: who acts, and the idempotency key
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 destination_id: id of the new row
-- $4 destination: the members of the request body, as JSON
-- nullable: version, location
-- index: customers_pk, accounts_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as materialized (
  select savings.add_destination(act.business_id, $2::uuid, $3::uuid, $4::text::jsonb) as d from act)
select 201 as status, (d).version, null::text as location,
       core.end_act($1::text::jsonb, 201, savings.destination_body(d)::text, null, (d).version) as body
from created;
