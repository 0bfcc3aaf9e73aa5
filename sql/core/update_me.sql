-- Changes one's own profile: JSON Merge Patch (RFC 7396). No row: stale. Refuses: users_avatar_file.
-- $1 act: who acts
-- $2 version (nullable): the version that If-Match named; null for any
-- $3 patch: the members to change, as JSON
-- nullable: location
-- index: users_pkey, files_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
patch as (select $3::text::jsonb as p),
changed as (
  update core.users u set
    full_name = case when p ? 'full_name' then p ->> 'full_name' else u.full_name end,
    timezone  = case when p ? 'timezone' then p ->> 'timezone' else u.timezone end,
    locale    = case when p ? 'locale' then p ->> 'locale' else u.locale end,
    avatar_file_id = case when p ? 'avatar_file_id'
      then core.own_picture(act.business_id, act.user_id, (p ->> 'avatar_file_id')::uuid) else u.avatar_file_id end
  from act, patch
  where u.id = act.user_id and ($2::int is null or u.version = $2)
  returning u.version, core.me_body(u, act.business_id)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
