-- Uses a refresh token. The token's row is held, so of any number of parallel uses one rotates and the others see that
-- it has. `outcome`: rotated; repeated (used less than 10 s ago, with the same successor: the same refresh); reused
-- (used longer ago: the token was stolen, and the caller ends the session); no_membership; refused (the session is
-- over). No row: nobody ever had this token.
-- $1 token_hash: SHA-256 of the token
-- $2 successor_hash: SHA-256 of the token that follows it
-- $3 idle_ttl_s: seconds until the session ends unless it is refreshed again
-- nullable: business_id, user_body, business_body
-- index: refresh_tokens_pkey, sessions_pkey, users_pkey, memberships_user_ix
with held as materialized (
  select t.token_hash, t.used_at, t.successor_hash, s.id as session_id, s.user_id, s.active_business_id, s.token_version,
    s.revoked_at is null and s.idle_expires_at > now() and s.expires_at > now() as is_alive
  from core.refresh_tokens t join core.sessions s on s.id = t.session_id
  where t.token_hash = $1::bytea
  for no key update of t, s),
person as materialized (
  select u as person from held join core.users u on u.id = held.user_id
  where u.status = 'active' and u.token_version = held.token_version),
chosen as materialized (
  select b as business, m.business_id
  from held join core.memberships m on m.user_id = held.user_id join core.businesses b on b.id = m.business_id
  where m.status = 'active' and b.status = 'active'
  order by m.business_id is not distinct from held.active_business_id desc, m.created_at, m.id
  limit 1),
verdict as materialized (
  select held.token_hash, held.session_id, held.user_id, person.person, chosen.business, chosen.business_id,
    case when not held.is_alive or person.person is null then 'refused'
      when held.used_at < now() - interval '10 s' then 'reused'
      when chosen.business_id is null then 'no_membership'
      when held.used_at is null then 'rotated'
      when held.successor_hash = $2::bytea then 'repeated'
      else 'refused' end as outcome
  from held left join person on true left join chosen on true),
used as (
  update core.refresh_tokens t set used_at = now(), successor_hash = $2::bytea from verdict
  where verdict.outcome = 'rotated' and t.token_hash = verdict.token_hash
  returning t.session_id),
successor as (
  insert into core.refresh_tokens (token_hash, session_id) select $2::bytea, used.session_id from used),
moved as (
  update core.sessions s set last_seen_at = now(), active_business_id = verdict.business_id,
    idle_expires_at = least(now() + make_interval(secs => $3::int), s.expires_at)
  from verdict where verdict.outcome = 'rotated' and s.id = verdict.session_id)
select outcome, session_id::text as session_id, user_id::text as user_id, business_id::text as business_id,
  core.user_body(person)::text as user_body, core.business_body(business)::text as business_body
from verdict;
