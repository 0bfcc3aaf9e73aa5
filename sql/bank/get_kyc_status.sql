-- Where a customer stands. No row: there is none.
-- $1 business_id: the tenant
-- $2 customer_id: whom it concerns
-- $3 own_user_id (nullable): only a customer with this login, who is not told the risk
-- index: customers_pk, kyc_profiles_pk
select bank.kyc_profile_body(c.id, p, $3::uuid is null)::text as body, coalesce(p.version, 0) as version
from core.customers c
left join bank.kyc_profiles p on p.business_id = c.business_id and p.customer_id = c.id
where c.business_id = $1 and c.id = $2::uuid and ($3::uuid is null or c.user_id = $3);
