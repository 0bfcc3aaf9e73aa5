-- Makes the phone or e-mail address that a code was sent to one's own. `outcome` as in enter_by_code; a body only when it is
-- verified.
-- $1 act: who acts
-- $2 channel: what the destination is
-- $3 destination: phone number (E.164) or e-mail address in small letters
-- $4 code_hash: HMAC-SHA256 of destination, purpose and the code that was tried
-- $5 resend_s: seconds after which another code may be asked for
-- nullable: version, body
-- index: otp_challenges_living_uq, users_pkey, users_phone_uq, users_email_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select c.outcome, c.retry_after_s, (c.person).version as version,
    case c.outcome when 'verified' then core.me_body(c.person, act.business_id)::text end as body
  from act, core.change_contact(act.user_id, act.business_id, $2::core.otp_channel, $3::text::citext, $4::bytea, $5::int) c)
select outcome, retry_after_s, version,
  case outcome when 'verified' then core.end_act($1::text::jsonb, 200, body, null, version) end as body
from changed;
