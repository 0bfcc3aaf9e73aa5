-- Changes the members of a savings product that the patch names. No row: not there, or stale.
-- $1 act: who acts
-- $2 product_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 patch: the members to change, as JSON
-- nullable: location
-- index: products_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select savings.update_product(act.business_id, $2, $4::text::jsonb, $3::int) as product from act),
shown as (
  select (product).version, savings.product_body(product)::text as body from changed where (product).id is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from shown;
