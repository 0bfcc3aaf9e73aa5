-- One unit of the business, with what a caller may know of it.
-- $1 business_id: the tenant
-- $2 unit_id: which one
-- index: units_pk
select core.unit_body(u)::text as body, u.version from core.units u where u.business_id = $1 and u.id = $2;
