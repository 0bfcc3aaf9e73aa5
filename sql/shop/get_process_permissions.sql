-- What roles may do with processes: all of a business.
-- $1 business_id: the tenant
-- index: role_process_permissions_uq
select p.body::text as body, p.version from shop.permissions_of($1::uuid) p;
