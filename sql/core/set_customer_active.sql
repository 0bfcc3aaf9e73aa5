-- Archives a customer, or brings one back. No row: not there, stale, or in that state already.
-- $1 act: who acts, and the idempotency key
-- $2 customer_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 is_active: false archives
-- nullable: location
-- index: customers_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update core.customers c set is_active = $4::bool
  from act
  where c.business_id = act.business_id and c.id = $2 and ($3::int is null or c.version = $3) and c.is_active <> $4
  returning c.version, core.customer_body(c)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
