-- Changes the members that the patch names: JSON Merge Patch (RFC 7396), null clears. No row: not there, or stale.
-- $1 act: who acts
-- $2 customer_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 patch: the members to change, as JSON
-- nullable: location
-- index: customers_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
patch as (select $4::text::jsonb as p),
changed as (
  update core.customers c set
    code    = case when p ? 'code' then p ->> 'code' else c.code end,
    name    = case when p ? 'name' then p ->> 'name' else c.name end,
    phone   = case when p ? 'phone' then p ->> 'phone' else c.phone end,
    email   = case when p ? 'email' then (p ->> 'email')::citext else c.email end,
    tax_no  = case when p ? 'tax_no' then p ->> 'tax_no' else c.tax_no end,
    address = case when p ? 'address' then coalesce(nullif(p -> 'address', 'null'), '{}') else c.address end,
    unit_id = case when p ? 'unit_id' then (p ->> 'unit_id')::uuid else c.unit_id end,
    notes   = case when p ? 'notes' then p ->> 'notes' else c.notes end
  from act, patch
  where c.business_id = act.business_id and c.id = $2 and ($3::int is null or c.version = $3)
  returning c.version, core.customer_body(c)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
