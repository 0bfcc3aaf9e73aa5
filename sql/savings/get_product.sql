-- One savings product.
-- $1 business_id: the tenant
-- $2 product_id: which one
-- index: products_pk
select savings.product_body(p)::text as body, p.version
from savings.products p where p.business_id = $1 and p.id = $2;
