-- Takes a customer's login away: the person sees nothing of them any more. No row: not there, stale, or without a login.
-- $1 act: who acts
-- $2 customer_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- nullable: location
-- index: customers_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update core.customers c set user_id = null from act
  where c.business_id = act.business_id and c.id = $2 and ($3::int is null or c.version = $3) and c.user_id is not null
  returning c.version, core.customer_body(c)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
