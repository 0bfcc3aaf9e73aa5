-- Makes a one-time code for whoever has a phone or an e-mail address, somebody's or nobody's: the courier finds out.
-- No row: the one before it is too young.
-- $1 challenge_id: its id
-- $2 purpose: what the code will be good for
-- $3 channel: the way to them
-- $4 destination: phone number (E.164) or e-mail address in small letters
-- $5 code_hash: HMAC-SHA256 of destination, purpose and code
-- $6 sealed_code: the code, encrypted for the delivery
-- $7 ttl_s: seconds until it expires
-- $8 resend_s: seconds that must be between two for one destination and purpose
-- index: otp_challenges_living_uq
select c.id::text as challenge_id
from core.make_challenge($1::uuid, $2::core.otp_purpose, $3::core.otp_channel, $4::text::citext, null, null, $5::bytea,
  $6::bytea, $7::int, $8::int) c;
