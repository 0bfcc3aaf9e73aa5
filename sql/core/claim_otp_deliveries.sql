-- Takes one-time codes that are due for delivery, for a while: whoever takes them and dies leaves them to the next. What
-- another replica is taking is passed over. Each is told with whether anybody could still use it, and what is to be sent:
-- `code`; `account_exists` (what somebody has already is no new account's and nobody's new address); `nothing` (there is
-- nobody to log in or to have a password). So that this is not found out by who asks, it is decided here, beside the answer.
-- $1 limit_rows: how many at most
-- $2 lease_s: seconds until a taken one is due again
-- nullable: locale
-- index: otp_challenges_due_ix, otp_challenges_pk, users_pkey, users_phone_uq, users_email_uq
with due as materialized (
  select c.id from core.otp_challenges c
  where c.sealed_code is not null and c.next_delivery_at <= now()
  order by c.next_delivery_at limit $1::int for update skip locked),
taken as (
  update core.otp_challenges c set
    delivery_attempts = c.delivery_attempts + 1, next_delivery_at = now() + make_interval(secs => $2::int)
  from due where c.id = due.id
  returning c.*)
select t.id::text as challenge_id, t.purpose, t.channel, t.destination::text as destination, t.sealed_code,
  t.delivery_attempts, core.iso(t.created_at) as created_at, core.iso(t.expires_at) as expires_at,
  t.consumed_at is null and t.expires_at > now() and t.attempts < 5 as is_living,
  case when t.purpose = 'step_up' then 'code'
    when t.purpose in ('login', 'reset_password') then case when owner.status = 'active' then 'code' else 'nothing' end
    when owner.id is null then 'code' else 'account_exists' end as content,
  coalesce(owner.locale, asker.locale) as locale
from taken t
  left join core.users asker on asker.id = t.user_id
  left join lateral core.find_person(t.channel, t.destination) owner on t.purpose <> 'step_up';
