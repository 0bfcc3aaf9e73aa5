-- What a plan of a savings product comes to (savings.quote, which says what it refuses). Null: no such product.
-- $1 business_id: the tenant
-- $2 product_id: which one
-- $3 plan: what it should be, as JSON; amounts in minor units
-- nullable: body
-- index: products_pk
select savings.quote($1::uuid, $2::uuid, $3::text::jsonb)::text as body;
