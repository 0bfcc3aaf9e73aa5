-- Changes the members that the patch names: JSON Merge Patch (RFC 7396), null clears. No row: not there, or stale.
-- $1 act: who acts
-- $2 unit_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 patch: the members to change, as JSON
-- nullable: location
-- index: units_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
patch as (select $4::text::jsonb as p),
changed as (
  update core.units u set
    name     = case when p ? 'name' then p ->> 'name' else u.name end,
    location = case when p ? 'location' then p ->> 'location' else u.location end
  from act, patch
  where u.business_id = act.business_id and u.id = $2 and ($3::int is null or u.version = $3)
  returning u.version, core.unit_body(u)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
