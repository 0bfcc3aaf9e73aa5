-- Changes the members that the patch names: JSON Merge Patch (RFC 7396), null clears. Whoever becomes something
-- else than a sub-agent loses the agent above them. No row: not there, stale, or only an owner may.
-- $1 act: who acts
-- $2 member_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 patch: the members to change, as JSON
-- nullable: location
-- index: memberships_pk, users_pkey
with act as materialized (select * from core.begin_act($1::text::jsonb)),
patch as (select p, (p ->> 'role')::core.member_role as role from (select $4::text::jsonb as p) given),
changed as (
  update core.memberships m set
    role = coalesce(patch.role, m.role),
    unit_id = case when p ? 'unit_id' then (p ->> 'unit_id')::uuid else m.unit_id end,
    parent_member_id = case when p ? 'parent_member_id' then (p ->> 'parent_member_id')::uuid
      when patch.role <> 'sub_agent' then null else m.parent_member_id end
  from act, patch
  where m.business_id = act.business_id and m.id = $2 and ($3::int is null or m.version = $3)
    and ((m.role <> 'owner' and patch.role is distinct from 'owner') or core.is_owner(act.business_id, act.member_id))
  returning m.version, m as member),
shown as (
  select changed.version, core.member_body(changed.member, u)::text as body
  from changed join core.users u on u.id = (changed.member).user_id)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from shown;
