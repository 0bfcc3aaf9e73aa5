-- Names of all units of a business, for exports.
-- $1 business_id: the tenant
-- index: units_pk
select u.id, u.name from core.units u where u.business_id = $1;
