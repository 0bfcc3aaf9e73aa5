-- The settings of a business as they hold: its own value, else the installation's, else the default of the catalogue.
-- $1 business_id: the tenant
-- $2 catalogue: key, default, description and schema of each setting, as a JSON array in order
-- index: settings_uq
select coalesce(json_agg(core.setting_body(e.entry, b, i) order by e.place), '[]')::text as data
from jsonb_array_elements($2::text::jsonb) with ordinality e (entry, place)
left join core.settings b on b.business_id = $1 and b.key = e.entry ->> 'key'
left join core.settings i on i.business_id is null and i.key = e.entry ->> 'key';
