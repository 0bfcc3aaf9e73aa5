-- Lets in who has the code that was sent to a phone or an e-mail address: logs them in, after making their account or setting
-- their password where that is the purpose. `outcome`: verified; exhausted (five wrong ones before); refused (wrong, used,
-- expired, or none). The same work whoever has the destination. No business: they belong to none, and no session was opened.
-- $1 purpose: login, signup or reset_password
-- $2 channel: what the destination is
-- $3 destination: phone number (E.164) or e-mail address in small letters
-- $4 code_hash: HMAC-SHA256 of destination, purpose and the code that was tried
-- $5 resend_s: seconds after which another code may be asked for
-- $6 account: of a new person and their business, or the new password_hash, as in core.enter_by_code
-- $7 session: the session to open, as in core.open_session
-- $8 invalidation: what it makes wrong in the cache, with the nil UUID for the business and the highest one for the person
-- nullable: user_id, business_id, user_body, business_body
-- index: otp_challenges_living_uq, users_phone_uq, users_email_uq, memberships_user_ix, sessions_user_ix
select e.outcome, e.retry_after_s, e.user_id::text as user_id, e.business_id::text as business_id, e.user_body,
  e.business_body, e.is_recorded
from core.enter_by_code($1::core.otp_purpose, $2::core.otp_channel, $3::text::citext, $4::bytea, $5::int,
  $6::text::jsonb, $7::text::jsonb, $8::text::jsonb) e;
