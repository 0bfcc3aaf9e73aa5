-- Deletes a file for its users; the bytes stay a while (core/list_deleted_files). No row: not there, part of a record, or
-- somebody's picture.
-- $1 act: who acts
-- $2 file_id: which one
-- $3 own_user_id (nullable): whose own it must be; null for anybody's
-- nullable: version, location
-- index: files_pk, users_avatar_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update core.files f set deleted_at = now()
  from act
  where f.business_id = act.business_id and f.id = $2 and f.deleted_at is null and f.readers is null
    and ($3::uuid is null or f.owner_user_id = $3)
    and not exists (select from core.users u where u.avatar_file_id = f.id)
  returning f.id)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from changed;
