-- Replaces what roles may do with processes (shop.put_permissions, which says what it refuses).
-- $1 act: who acts
-- $2 version (nullable): the version that If-Match named; null for any
-- $3 items: as in the answer, as JSON
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select c.* from act, shop.put_permissions(act.business_id, $2::int, $3::text::jsonb) c)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body::text, null, version) as body
from changed;
