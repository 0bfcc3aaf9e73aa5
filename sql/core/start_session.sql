-- Opens a session for a person whose password was right. No row: the person was suspended, or the password changed, since it
-- was checked. No business: they belong to none, and no session was opened.
-- $1 user_id: who logs in
-- $2 password_hash: the hash that was verified
-- $3 session: the session to open, as in core.open_session
-- $4 invalidation: what an accepted invitation makes wrong in the cache, with the nil UUID in place of the business
-- nullable: business_id, business_body, recorded
-- index: users_pkey, memberships_user_ix, sessions_user_ix
with held as materialized (
  select u.id from core.users u where u.id = $1::uuid and u.status = 'active' and u.password_hash = $2 for no key update),
opened as materialized (select o.* from held, core.open_session(held.id, $3::text::jsonb) o)
select business_id::text as business_id, user_body, business_body, has_accepted,
  case when has_accepted then core.record_invalidation(
    replace($4::text, '00000000-0000-0000-0000-000000000000', business_id::text)::jsonb)::text end as recorded
from opened;
