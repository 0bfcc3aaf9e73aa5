-- Marks one notification of the caller as read; one that was read keeps its instant. No row: not there, or not theirs.
-- $1 act: who acts
-- $2 notification_id: which one
-- nullable: version, location
-- index: notifications_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update core.notifications n set read_at = coalesce(n.read_at, now())
  from act
  where n.business_id = act.business_id and n.id = $2 and n.user_id = act.user_id
  returning core.notification_body(n)::text as body)
select 200 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 200, body) as body
from changed;
