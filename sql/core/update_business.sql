-- Changes the business that the caller works in: JSON Merge Patch (RFC 7396). No row: stale.
-- $1 act: who acts
-- $2 version (nullable): the version that If-Match named; null for any
-- $3 patch: the members to change, as JSON
-- nullable: location
-- index: businesses_pkey
with act as materialized (select * from core.begin_act($1::text::jsonb)),
patch as (select $3::text::jsonb as p),
changed as (
  update core.businesses b set
    name     = case when p ? 'name' then p ->> 'name' else b.name end,
    timezone = case when p ? 'timezone' then p ->> 'timezone' else b.timezone end
  from act, patch
  where b.id = act.business_id and ($2::int is null or b.version = $2)
  returning b.version, core.business_body(b)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
