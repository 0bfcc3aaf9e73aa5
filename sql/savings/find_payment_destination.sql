-- Whether a destination is there, for who may see it.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 destination_id: which one
-- index: destinations_pk, customers_pk
select d.id
from savings.payment_destinations d
where d.business_id = $1 and d.id = $3 and d.deleted_at is null
  and ($2::uuid is null or exists (
    select from core.customers o where o.business_id = d.business_id and o.id = d.customer_id and o.user_id = $2));
