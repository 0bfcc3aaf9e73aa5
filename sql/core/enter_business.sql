-- Makes a business of one's own the active one of the session; an invitation is accepted by it. No row: no member there.
-- $1 act: who acts
-- $2 business_id: the business to work in
-- $3 invalidation: what an accepted invitation makes wrong in the cache
-- nullable: location, recorded
-- index: sessions_pkey, memberships_user_uq, businesses_pkey
with act as materialized (
  select a.user_id from core.begin_act($1::text::jsonb || jsonb_build_object('business_id', $2::uuid)) a),
membership as materialized (
  select m.id, m.status, b as business from act
  join core.memberships m on m.business_id = $2::uuid and m.user_id = act.user_id
  join core.businesses b on b.id = m.business_id
  where m.status in ('active', 'invited') and b.status = 'active'),
accepted as (
  update core.memberships m set status = 'active', invited_as = null from membership
  where m.business_id = $2::uuid and m.id = membership.id and m.status = 'invited'
  returning m.id),
entered as (
  update core.sessions s set active_business_id = $2::uuid from membership
  where s.id = ($1::text::jsonb ->> 'session_id')::uuid)
select 200 as status, (business).version as version, null::text as location,
  core.business_body(business)::text as body, accepted.id is not null as has_accepted,
  case when accepted.id is not null then core.record_invalidation($3::text::jsonb)::text end as recorded
from membership left join accepted on true;
