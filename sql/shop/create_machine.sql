-- Makes a machine (shop.create_machine, which says what it refuses).
-- $1 act: who acts, and the idempotency key
-- $2 machine_id: id of the new machine
-- $3 machine: all members, as JSON
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as materialized (
  select c.* from act, shop.create_machine(act.business_id, $2::uuid, $3::text::jsonb) c)
select 201 as status, version, '/api/v1/machines/' || $2 as location,
       core.end_act($1::text::jsonb, 201, body::text, '/api/v1/machines/' || $2, version) as body
from created;
