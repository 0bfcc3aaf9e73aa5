-- Records a file whose bytes are stored already.
-- $1 act: who acts, and the idempotency key
-- $2 file_id: id of the new row
-- $3 file: sha256 (hex), size_bytes, mime, filename, storage_key, ref_type, ref_id, as a JSON object
-- nullable: version, location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as (
  insert into core.files as f (business_id, id, owner_user_id, sha256, size_bytes, mime, filename, storage_key, ref_type,
    ref_id)
  select act.business_id, $2::uuid, act.user_id, decode(p.sha256, 'hex'), p.size_bytes, p.mime, p.filename, p.storage_key,
    p.ref_type, p.ref_id
  from act, jsonb_to_record($3::text::jsonb) as p (sha256 text, size_bytes bigint, mime text, filename text,
    storage_key text, ref_type text, ref_id uuid)
  returning f.id, core.file_body(f)::text as body)
select 201 as status, null::int as version, '/api/v1/files/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/files/' || id) as body
from created;
