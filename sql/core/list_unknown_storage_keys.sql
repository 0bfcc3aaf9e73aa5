-- Of these storage keys of one business, those that no file has.
-- $1 business_id: the tenant
-- $2 storage_keys: the keys
-- index: files_storage_key_uq
select k.storage_key from unnest($2::text[]) k (storage_key)
where not exists (select from core.files f where f.business_id = $1 and f.storage_key = k.storage_key);
