-- Takes a destination off its customer's list. No row: not there, or stale. Refusal: destination_in_use.
-- $1 act: who acts
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 destination_id: which one
-- $4 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: destinations_pk, customers_pk, payreq_queue_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as materialized (
  select d.id from act, savings.remove_destination(act.business_id, $2::uuid, $3::uuid, $4::int) d (id))
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
