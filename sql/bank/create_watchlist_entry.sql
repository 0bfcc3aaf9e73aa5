-- Puts a name on the watchlist of a business.
-- $1 act: who acts, and the idempotency key
-- $2 watchlist_id: id of the new row
-- $3 name: whose
-- $4 source: the list it is from
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as (
  insert into bank.watchlist as w (id, business_id, name, source)
  select $2::uuid, act.business_id, $3::text, $4::text from act
  returning w.id, w.version, bank.watchlist_body(w)::text as body)
select 201 as status, version, null::text as location, core.end_act($1::text::jsonb, 201, body, null, version) as body
from created;
