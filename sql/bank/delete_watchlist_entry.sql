-- Takes a name off the watchlist of a business; screenings that it had a part in keep naming it. No row: it is not there,
-- or the installation's.
-- $1 act: who acts
-- $2 watchlist_id: which one
-- nullable: version, location
-- index: watchlist_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as (
  update bank.watchlist w set is_active = false from act
  where w.id = $2 and w.business_id = act.business_id and w.is_active
  returning w.id)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
