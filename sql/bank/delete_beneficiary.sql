-- Removes a beneficiary from its customer's list; the wires that went there keep naming it. No row: not there, or stale.
-- $1 act: who acts
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 beneficiary_id: which one
-- $4 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: beneficiaries_pk, customers_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as (
  update bank.beneficiaries b set deleted_at = now() from act
  where b.business_id = act.business_id and b.id = $3 and b.deleted_at is null and ($4::int is null or b.version = $4)
    and ($2::uuid is null or exists (
      select from core.customers o where o.business_id = b.business_id and o.id = b.customer_id and o.user_id = $2))
  returning b.id)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
