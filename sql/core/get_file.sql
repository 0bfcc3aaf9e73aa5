-- One file without its bytes.
-- $1 business_id: the tenant
-- $2 file_id: which one
-- index: files_pk
select core.file_body(f)::text as body
from core.files f where f.business_id = $1 and f.id = $2 and f.deleted_at is null;
