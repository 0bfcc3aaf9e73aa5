-- Sets a setting of a business. No row: the business has set it, and not in the version that If-Match names.
-- $1 act: who acts
-- $2 entry: the setting in the catalogue: key, default, description, schema
-- $3 value: the new value, as JSON
-- $4 version (nullable): the version that If-Match named; 0 or null: none yet
-- $5 any_version: If-Match was *
-- nullable: location
-- index: settings_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
stored as (
  insert into core.settings as s (business_id, key, value)
  select act.business_id, $2::text::jsonb ->> 'key', $3::text::jsonb from act
  where $5::bool or coalesce($4::int, 0) = 0 or exists (
    select from core.settings x where x.business_id = act.business_id and x.key = $2::text::jsonb ->> 'key')
  on conflict (business_id, key) do update set value = excluded.value where $5 or s.version = $4
  returning s.version, core.setting_body($2::text::jsonb, s, null)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from stored;
