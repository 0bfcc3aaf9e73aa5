-- Makes a one-time code for a person, to be sent to their phone or their e-mail address. No row: they have none of those.
-- $1 challenge_id: its id
-- $2 purpose: what the code will be good for
-- $3 user_id: whose
-- $4 session_id (nullable): the session that a step-up is for
-- $5 code_hash: HMAC-SHA256 of id and code
-- $6 sealed_code: the code, encrypted for the delivery
-- $7 ttl_s: seconds until it expires
-- $8 channels: ways that may be taken, the first that leads to them is
-- index: users_pkey, otp_challenges_living_uq
with person as (
  select u.id, w.channel, w.destination
  from core.users u, lateral (values ('sms'::core.otp_channel, u.phone::citext), ('email', u.email)) w (channel, destination)
  where u.id = $3::uuid and u.status = 'active' and w.destination is not null and w.channel = any ($8::core.otp_channel[])
  order by array_position($8::core.otp_channel[], w.channel) limit 1)
select c.channel, c.destination::text as destination, core.iso(c.expires_at) as expires_at
from person p, core.make_challenge($1::uuid, $2::core.otp_purpose, p.channel, p.destination, p.id, $4::uuid, $5::bytea,
  $6::bytea, $7::int) c;
