-- Takes one-time codes that are due for delivery, for a while: whoever takes them and dies leaves them to the next. What
-- another replica is taking is passed over. Each is told with whether anybody could still use it.
-- $1 limit_rows: how many at most
-- $2 lease_s: seconds until a taken one is due again
-- nullable: locale
-- index: otp_challenges_due_ix, otp_challenges_pk, users_pkey
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
  t.consumed_at is null and t.expires_at > now() and t.attempts < 5 as is_living, u.locale
from taken t left join core.users u on u.id = t.user_id;
