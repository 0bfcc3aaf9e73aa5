-- Forgets a deleted file whose bytes are gone. The audit trail keeps what it was.
-- $1 business_id: the tenant
-- $2 file_id: which one
-- index: files_pk
delete from core.files f where f.business_id = $1 and f.id = $2 and f.deleted_at is not null
returning f.id;
