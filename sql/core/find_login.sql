-- The person who logs in under a name: exactly one of the three is given. `is_open`: the account is active, and not held
-- up after failures. Nobody is held up at an address where they have been logged in before, so that a stranger's
-- guesses do not keep them out.
-- $1 username (nullable): their user name
-- $2 phone (nullable): their phone number, E.164
-- $3 email (nullable): their e-mail address
-- $4 ip: where the request comes from
-- nullable: password_hash
-- index: users_username_uq, users_phone_uq, users_email_uq, sessions_user_ix
with named as (
  select u.id from core.users u where u.username = $1::text::citext and u.status <> 'deleted'
  union all select u.id from core.users u where u.phone = $2::text and u.status <> 'deleted'
  union all select u.id from core.users u where u.email = $3::text::citext and u.status <> 'deleted')
select u.id::text as user_id, u.password_hash,
  u.status = 'active' and (u.locked_until is null or u.locked_until <= now()
    or exists (select from core.sessions s where s.user_id = u.id and s.ip = $4::text::inet)) as is_open
from named join core.users u on u.id = named.id;
