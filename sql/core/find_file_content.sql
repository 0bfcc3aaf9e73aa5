-- Where the bytes of a file are, and how they are served, for who may read it.
-- $1 business_id: the tenant
-- $2 file_id: which one
-- $3 user_id: who asks
-- $4 role: as what
-- index: files_pk
select f.storage_key, encode(f.sha256, 'hex') as sha256, f.mime, f.filename
from core.files f where f.business_id = $1 and f.id = $2 and core.may_read_file(f, $3::uuid, $4::core.member_role);
