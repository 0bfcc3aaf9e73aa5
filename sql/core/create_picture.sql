-- Records a picture that somebody uploaded of themselves, in place of those before it that are not shown.
-- Refusal: too_many_pictures.
-- $1 act: who acts, and the idempotency key
-- $2 file_id: id of the new row
-- $3 file: sha256 (hex), size_bytes, mime, filename, storage_key, as a JSON object
-- nullable: version, location
-- index: files_picture_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as (
  select f.id, core.file_body(f)::text as body
  from act, core.create_picture(act.business_id, $2::uuid, act.user_id, $3::text::jsonb) f)
select 201 as status, null::int as version, '/api/v1/files/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/files/' || id) as body
from created;
