-- One process, archived ones too.
-- $1 business_id: the tenant
-- $2 process_id: which one
-- index: processes_pk
select shop.process_body(x)::text as body, x.version from shop.processes x where x.business_id = $1::uuid and x.id = $2::uuid;
