-- Records a file whose bytes are stored already.
-- $1 act: who acts, and the idempotency key
-- $2 file_id: id of the new row
-- $3 file: sha256 (hex), size_bytes, mime, filename, storage_key, ref_type, ref_id, as a JSON object
-- nullable: version, location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
file as (select $3::text::jsonb as p),
created as (
  select f.id, core.file_body(f)::text as body
  from act, file, core.create_file(act.business_id, $2::uuid, act.user_id, p, p ->> 'ref_type', (p ->> 'ref_id')::uuid) f)
select 201 as status, null::int as version, '/api/v1/files/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/files/' || id) as body
from created;
