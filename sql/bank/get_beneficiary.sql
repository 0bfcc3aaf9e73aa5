-- One beneficiary.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 beneficiary_id: which one
-- index: beneficiaries_pk, customers_pk
select bank.beneficiary_body(b)::text as body, b.version
from bank.beneficiaries b
where b.business_id = $1 and b.id = $3 and b.deleted_at is null
  and ($2::uuid is null or exists (
    select from core.customers o where o.business_id = b.business_id and o.id = b.customer_id and o.user_id = $2));
