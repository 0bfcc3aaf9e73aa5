-- Makes a savings product (savings.create_product, which says what it refuses).
-- $1 act: who acts, and the idempotency key
-- $2 product_id: id of the new product
-- $3 product: all members, as JSON; amounts in minor units
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as materialized (
  select savings.create_product(act.business_id, $2::uuid, $3::text::jsonb) as product from act),
shown as (select (product).version, savings.product_body(product)::text as body from created)
select 201 as status, version, '/api/v1/savings-products/' || $2 as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/savings-products/' || $2, version) as body
from shown;
