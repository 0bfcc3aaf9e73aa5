-- Of these storage keys of one business, those that no file has. None for a business that is not in this database: a
-- folder of files that somebody connected to the wrong database must survive it.
-- $1 business_id: the tenant
-- $2 storage_keys: the keys
-- index: files_storage_key_uq
select k.storage_key from core.businesses b, unnest($2::text[]) k (storage_key)
where b.id = $1 and not exists (
  select from core.files f where f.business_id = b.id and f.storage_key = k.storage_key);
