-- One customer.
-- $1 business_id: the tenant
-- $2 customer_id: which one
-- index: customers_pk
select core.customer_body(c)::text as body, c.version
from core.customers c where c.business_id = $1 and c.id = $2;
