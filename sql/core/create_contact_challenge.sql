-- Makes a one-time code that proves a new phone or e-mail address of a person, whoever has it now: the courier finds out.
-- No row: a fresh code to what they are reached by is needed first.
-- $1 challenge_id: its id
-- $2 user_id: whose it is to be
-- $3 session_id: the session in which a code was verified lately, unless they are reached by nothing yet
-- $4 channel: the way to them
-- $5 destination: phone number (E.164) or e-mail address in small letters
-- $6 code_hash: HMAC-SHA256 of destination, purpose and code
-- $7 sealed_code: the code, encrypted for the delivery
-- $8 ttl_s: seconds until it expires
-- index: users_pkey, sessions_pkey, otp_challenges_living_uq
with person as (
  select u.id from core.users u
  where u.id = $2::uuid and u.status = 'active' and (num_nonnulls(u.phone, u.email) = 0 or core.stepped_up($3::uuid)))
select c.id::text as challenge_id
from person p, core.make_challenge($1::uuid, 'change_contact', $4::core.otp_channel, $5::text::citext, p.id, null, $6::bytea,
  $7::bytea, $8::int) c;
