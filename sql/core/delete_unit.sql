-- Removes a unit that nothing refers to (a foreign key refuses it otherwise). No row: not there, or stale.
-- $1 act: who acts
-- $2 unit_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: units_pk, memberships_unit_ix, customers_unit_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as (
  delete from core.units u using act
  where u.business_id = act.business_id and u.id = $2 and ($3::int is null or u.version = $3)
  returning u.id)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
