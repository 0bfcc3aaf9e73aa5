-- Marks the unread notifications of the caller as read, up to a bound.
-- $1 act: who acts
-- $2 limit_rows: how many at most
-- nullable: version, location
-- index: notifications_unread_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update core.notifications n set read_at = now()
  from act
  where n.business_id = act.business_id and n.id = any (array(
    select u.id from core.notifications u
    where u.business_id = act.business_id and u.user_id = act.user_id and u.read_at is null
    limit $2::int for update skip locked))
  returning n.id)
select 200 as status, null::int as version, null::text as location,
       core.end_act($1::text::jsonb, 200, json_build_object('read', (select count(*) from changed))::text) as body
from act;
