-- Where the bytes of a file are, and how they are served.
-- $1 business_id: the tenant
-- $2 file_id: which one
-- index: files_pk
select f.storage_key, encode(f.sha256, 'hex') as sha256, f.mime, f.filename
from core.files f where f.business_id = $1 and f.id = $2 and f.deleted_at is null;
