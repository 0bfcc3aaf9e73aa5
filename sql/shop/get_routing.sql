-- One routing, archived ones too.
-- $1 business_id: the tenant
-- $2 routing_id: which one
-- index: routings_pk
select shop.routing_body(x)::text as body, x.version from shop.routings x where x.business_id = $1::uuid and x.id = $2::uuid;
