-- Who is suspended, whose password is reset, which business is closed: there is no route for these, they are changed in
-- the database. What servers remember of sessions, people, memberships and businesses must end with it all the same, so
-- the rows themselves say so. Writes of the API (app.user_id is set) name their own tags; seeds (app.import) too.

-- The tags are those of src/core/tags.ts.
create function core.end_remembered() returns trigger language plpgsql as $$
begin
  if tg_table_name = 'users' then
    perform core.invalidate(array['u:' || old.id || '!user']);
  elsif tg_table_name = 'businesses' then
    perform core.invalidate(array['b:' || old.id || '!business']);
  elsif tg_table_name = 'sessions' then
    perform core.invalidate(array['u:' || old.user_id || '!session:' || old.id]);
  else
    perform core.invalidate(array['u:' || old.user_id || '!memberships', 'b:' || old.business_id || '|members']);
  end if;
  return null;
end $$;

-- Whether a statement comes from neither the API nor a seed.
create function core.is_by_hand() returns boolean language sql stable
return core.app_setting('user_id') is null and core.app_setting('import') is distinct from 'on';

-- Not the counters of failed logins, which every wrong password moves.
create trigger end_remembered after update of username, phone, email, full_name, password_hash, status, timezone, locale,
  avatar_file_id, token_version on core.users
for each row when (core.is_by_hand()) execute function core.end_remembered();

create trigger end_remembered after update on core.businesses
for each row when (core.is_by_hand()) execute function core.end_remembered();

create trigger end_remembered after update or delete on core.memberships
for each row when (core.is_by_hand()) execute function core.end_remembered();

-- Not what a refresh moves on, nor the removal of those that are long over.
create trigger end_remembered after update of revoked_at, token_version, expires_at on core.sessions
for each row when (core.is_by_hand()) execute function core.end_remembered();

create trigger end_remembered_deleted after delete on core.sessions
for each row when (old.expires_at > now() and core.is_by_hand()) execute function core.end_remembered();
