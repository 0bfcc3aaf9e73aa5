-- Changes one's own password and ends every other session, also one that is being opened right now with the old password
-- (token_version). No row: the password is no longer the one that was verified.
-- $1 act: who acts
-- $2 old_hash: the hash that was verified
-- $3 new_hash: argon2id of the new password
-- nullable: version, location
-- index: users_pkey, sessions_user_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update core.users u set password_hash = $3, token_version = u.token_version + 1, failed_logins = 0, locked_until = null
  from act where u.id = act.user_id and u.password_hash = $2
  returning u.id, u.token_version),
ended as (
  update core.sessions s set
    token_version = case when s.id = ($1::text::jsonb ->> 'session_id')::uuid then changed.token_version
      else s.token_version end,
    revoked_at = case when s.id <> ($1::text::jsonb ->> 'session_id')::uuid then now() end,
    revoke_reason = case when s.id <> ($1::text::jsonb ->> 'session_id')::uuid then 'password_changed' end
  from changed where s.user_id = changed.id and s.revoked_at is null)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from changed;
