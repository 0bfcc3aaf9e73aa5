-- What every request in a business needs of it, as the cache keeps it. No row: there is none, or it is not open.
-- $1 business_id: which one
-- index: businesses_pkey
select b.timezone, b.currency::text as currency
from core.businesses b where b.id = $1::uuid and b.status = 'active';
