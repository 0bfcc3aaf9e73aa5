-- What a refused decision needs to know of a customer: the state, and where compliance may take it from there. Who has
-- sent nothing is `not_started` in version 0.
-- $1 business_id: the tenant
-- $2 customer_id: whom it concerns
-- index: customers_pk, kyc_profiles_pk
select coalesce(p.status, 'not_started')::text as status, coalesce(p.version, 0) as version,
  coalesce((select json_agg(m.to_status order by m.to_status) from bank.kyc_profile_moves() m
            where m.from_status = coalesce(p.status, 'not_started') and m.actor = 'compliance'), '[]')::text as allowed
from core.customers c
left join bank.kyc_profiles p on p.business_id = c.business_id and p.customer_id = c.id
where c.business_id = $1 and c.id = $2::uuid;
