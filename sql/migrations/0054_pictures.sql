-- Customers upload pictures of themselves, by which their profile may show them, and nothing else. A shown file stays.

-- Those that are gone too: what counts is how many came within a day. No caller of POST /files can name this type.
create index files_picture_ix on core.files (business_id, owner_user_id, created_at) where ref_type = 'core.picture';

-- Locks a person while their files change, so that a file is not shown and deleted at once: who has waited sees what the
-- other did.
create function core.lock_person(p_user_id uuid) returns void language sql volatile as $$
  select from core.users u where u.id = p_user_id for no key update $$;

-- As in 0047, and of those that are there now.
create or replace function core.own_picture(p_business_id uuid, p_user_id uuid, p_file_id uuid) returns uuid
language plpgsql volatile as $$
begin
  perform core.lock_person(p_user_id);
  if p_file_id is not null and not exists (
    select from core.files f where f.business_id = p_business_id and f.id = p_file_id and f.owner_user_id = p_user_id
      and f.deleted_at is null and f.readers is null and f.mime like 'image/%') then
    raise exception 'no picture of this person' using errcode = '23514', constraint = 'users_avatar_file';
  end if;
  return p_file_id;
end $$;

-- Records a picture that a person uploaded of themselves, in place of those before it that are not shown. p_file: as in
-- core.create_file. Refusal: too_many_pictures.
create function core.create_picture(p_business_id uuid, p_file_id uuid, p_user_id uuid, p_file jsonb) returns core.files
language plpgsql as $$
begin
  perform core.lock_person(p_user_id);
  if (
    select count(*) from core.files f where f.business_id = p_business_id and f.owner_user_id = p_user_id
      and f.ref_type = 'core.picture' and f.created_at > now() - interval '1 day') >= 10 then
    raise exception 'refused: too_many_pictures' using errcode = '23514', constraint = 'too_many_pictures';
  end if;
  update core.files f set deleted_at = now()
  where f.business_id = p_business_id and f.owner_user_id = p_user_id and f.ref_type = 'core.picture'
    and f.deleted_at is null and not exists (select from core.users u where u.avatar_file_id = f.id);
  return core.create_file(p_business_id, p_file_id, p_user_id, p_file, 'core.picture', p_user_id);
end $$;

-- Deletes a file for its users and says whether it did: not one of a record, nor one that somebody shows. p_own_user_id:
-- the person among whose own pictures it must be; null: any file.
create function core.delete_file(p_business_id uuid, p_file_id uuid, p_own_user_id uuid) returns boolean
language plpgsql as $$
begin
  perform core.lock_person(f.owner_user_id) from core.files f where f.business_id = p_business_id and f.id = p_file_id;
  update core.files f set deleted_at = now()
  where f.business_id = p_business_id and f.id = p_file_id and f.deleted_at is null and f.readers is null
    and (p_own_user_id is null or f.owner_user_id = p_own_user_id and f.ref_type = 'core.picture')
    and not exists (select from core.users u where u.avatar_file_id = f.id);
  return found;
end $$;
