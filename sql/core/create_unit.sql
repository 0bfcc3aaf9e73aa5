-- Creates a unit.
-- $1 act: who acts, and the idempotency key
-- $2 unit_id: id of the new row
-- $3 unit: the members of the request body, as JSON
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as (
  insert into core.units as u (business_id, id, name, location)
  select act.business_id, $2::uuid, p.name, p.location
  from act, jsonb_to_record($3::text::jsonb) as p (name text, location text)
  returning u.id, u.version, core.unit_body(u)::text as body)
select 201 as status, version, '/api/v1/units/' || id as location,
  core.end_act($1::text::jsonb, 201, body, '/api/v1/units/' || id, version) as body
from created;
