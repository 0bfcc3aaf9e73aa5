-- Says which member a customer logs in as. No row: not there, stale, or no active member of that id with the role customer.
-- $1 act: who acts
-- $2 customer_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 member_id: who it is
-- nullable: location
-- index: customers_pk, memberships_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update core.customers c set user_id = m.user_id
  from act join core.memberships m on m.business_id = act.business_id and m.id = $4::uuid and m.status = 'active'
    and m.role = 'customer'
  where c.business_id = act.business_id and c.id = $2 and ($3::int is null or c.version = $3)
  returning c.version, core.customer_body(c)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
