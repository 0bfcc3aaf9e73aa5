-- The business that the caller works in.
-- $1 business_id: the tenant
-- index: businesses_pkey
select core.business_body(b)::text as body, b.version from core.businesses b where b.id = $1::uuid;
