-- Deletes a file for its users; the bytes stay a while (core/list_deleted_files). No row: not there, part of a record, or
-- somebody's picture.
-- $1 act: who acts
-- $2 file_id: which one
-- $3 own_user_id (nullable): among whose own pictures it must be; null for any file
-- nullable: version, location
-- index: files_pk, users_avatar_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (select core.delete_file(act.business_id, $2, $3::uuid) as is_deleted from act)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from changed where is_deleted;
