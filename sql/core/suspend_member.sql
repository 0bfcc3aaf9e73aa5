-- Suspends a member, or withdraws an invitation. No row: not there, in another state, or only an owner may.
-- $1 act: who acts
-- $2 member_id: which one
-- nullable: location
-- index: memberships_pk, users_pkey
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update core.memberships m set status = 'suspended' from act
  where m.business_id = act.business_id and m.id = $2 and m.status in ('active', 'invited')
    and (m.role <> 'owner' or core.is_owner(act.business_id, act.member_id))
  returning m.version, m as member),
shown as (
  select changed.version, core.member_body(changed.member, u)::text as body
  from changed join core.users u on u.id = (changed.member).user_id)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from shown;
