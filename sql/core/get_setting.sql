-- One setting as it holds for a business, with its value alone beside the body.
-- $1 business_id: the tenant
-- $2 entry: the setting in the catalogue: key, default, description, schema
-- index: settings_uq
select core.setting_body(e.entry, b, i)::text as body, coalesce(b.version, 0) as version,
       coalesce(b.value, i.value, e.entry -> 'default')::text as value
from (select $2::text::jsonb) e (entry)
left join core.settings b on b.business_id = $1 and b.key = e.entry ->> 'key'
left join core.settings i on i.business_id is null and i.key = e.entry ->> 'key';
