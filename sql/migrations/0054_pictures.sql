-- Customers upload pictures of themselves, by which the profile of a budget's owner may show them, and nothing else.

-- Those that are gone too: what counts is how many came within a day.
create index files_picture_ix on core.files (business_id, owner_user_id, created_at) where ref_type = 'user_picture';

-- Records a picture that a person uploaded of themselves, in place of those before it that are not shown. p_file: as in
-- core.create_file. Refusal: too_many_pictures.
create function core.create_picture(p_business_id uuid, p_file_id uuid, p_user_id uuid, p_file jsonb) returns core.files
language plpgsql as $$
begin
  -- one at a time: each counts those before it
  perform from core.users u where u.id = p_user_id for no key update;
  if (
    select count(*) from core.files f where f.business_id = p_business_id and f.owner_user_id = p_user_id
      and f.ref_type = 'user_picture' and f.created_at > now() - interval '1 day') >= 20 then
    raise exception 'refused: too_many_pictures' using errcode = '23514', constraint = 'too_many_pictures';
  end if;
  update core.files f set deleted_at = now()
  where f.business_id = p_business_id and f.owner_user_id = p_user_id and f.ref_type = 'user_picture'
    and f.deleted_at is null and not exists (select from core.users u where u.avatar_file_id = f.id);
  return core.create_file(p_business_id, p_file_id, p_user_id, p_file, 'user_picture', p_user_id);
end $$;
