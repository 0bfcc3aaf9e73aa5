-- Makes a one-time code for a person, to be sent to their phone, or to their e-mail address when they have no phone; it
-- takes the place of the living one for the same destination and purpose. Both were given to them by who made their login:
-- nobody changes their own. No row: they have neither.
-- $1 challenge_id: its id
-- $2 purpose: what the code will be good for
-- $3 user_id: whose
-- $4 session_id (nullable): the session that a step-up is for
-- $5 code_hash: HMAC-SHA256 of id and code
-- $6 sealed_code: the code, encrypted for the delivery
-- $7 ttl_s: seconds until it expires
-- index: users_pkey, otp_challenges_living_uq
with person as (
  select u.id, coalesce(u.phone::citext, u.email) as destination,
    case when u.phone is null then 'email' else 'sms' end::core.otp_channel as channel
  from core.users u where u.id = $3::uuid and u.status = 'active')
insert into core.otp_challenges as c
  (id, purpose, channel, destination, user_id, session_id, code_hash, expires_at, sealed_code, next_delivery_at)
select $1::uuid, $2::core.otp_purpose, p.channel, p.destination, p.id, $4::uuid, $5::bytea,
  now() + make_interval(secs => $7::int), $6::bytea, now()
from person p where p.destination is not null
on conflict (destination, purpose) where consumed_at is null do update set
  id = excluded.id, channel = excluded.channel, user_id = excluded.user_id, session_id = excluded.session_id,
  code_hash = excluded.code_hash, attempts = 0, created_at = excluded.created_at, expires_at = excluded.expires_at,
  sealed_code = excluded.sealed_code, delivery_attempts = 0, next_delivery_at = excluded.next_delivery_at
returning c.channel, c.destination::text as destination, core.iso(c.expires_at) as expires_at;
