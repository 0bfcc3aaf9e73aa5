-- Opens a session for a person whose password was right: in the business they worked in last, else in their first. Who
-- has nothing but an invitation accepts it by logging in. No row: the person was suspended, or the password changed,
-- since it was checked. No business: they belong to none, and no session was opened.
-- The person's row is held, so that a password change either sees this session or is seen by it (token_version).
-- $1 user_id: who logs in
-- $2 password_hash: the hash that was verified
-- $3 session_id: id of the new session
-- $4 token_hash: SHA-256 of its first refresh token
-- $5 ip: where the request comes from
-- $6 user_agent (nullable): with what
-- $7 idle_ttl_s: seconds until the session ends unless it is refreshed
-- $8 absolute_ttl_s: seconds until it ends in any case
-- $9 request_id: for the audit row of an accepted invitation
-- $10 invalidation: what an accepted invitation makes wrong in the cache, with the nil UUID in place of the business
-- nullable: business_id, business_body, recorded
-- index: users_pkey, memberships_user_ix, sessions_user_ix
with held as materialized (
  select u as person, u.id, u.token_version from core.users u
  where u.id = $1::uuid and u.status = 'active' and u.password_hash = $2
  for no key update),
chosen as materialized (
  select b as business, m.business_id, m.id as member_id, m.status
  from held join core.memberships m on m.user_id = held.id join core.businesses b on b.id = m.business_id
  where m.status in ('active', 'invited') and b.status = 'active'
  order by m.status = 'active' desc,
    m.business_id is not distinct from (
      select s.active_business_id from core.sessions s where s.user_id = $1::uuid
      order by s.last_seen_at desc, s.id desc limit 1) desc,
    m.created_at, m.id
  limit 1),
cleared as (
  update core.users u set failed_logins = 0, locked_until = null from held
  where u.id = held.id and (u.failed_logins > 0 or u.locked_until is not null)),
act as materialized (
  select act.business_id from chosen, core.begin_act(jsonb_build_object('business_id', chosen.business_id,
    'user_id', $1::uuid, 'member_id', chosen.member_id, 'session_id', $3::uuid, 'request_id', $9::text,
    'ip', $5::text)) act
  where chosen.status = 'invited'),
accepted as (
  update core.memberships m set status = 'active', invited_as = null from act, chosen
  where m.business_id = act.business_id and m.id = chosen.member_id and m.status = 'invited'
  returning m.id),
opened as (
  insert into core.sessions (id, user_id, active_business_id, token_version, ip, user_agent, idle_expires_at, expires_at)
  select $3::uuid, held.id, chosen.business_id, held.token_version, $5::text::inet, $6::text,
    now() + make_interval(secs => least($7::int, $8::int)), now() + make_interval(secs => $8::int)
  from held, chosen
  returning id),
token as (insert into core.refresh_tokens (token_hash, session_id) select $4::bytea, opened.id from opened)
select chosen.business_id::text as business_id, core.user_body(held.person)::text as user_body,
  core.business_body(chosen.business)::text as business_body, accepted.id is not null as has_accepted,
  case when accepted.id is not null then core.record_invalidation(
    replace($10::text, '00000000-0000-0000-0000-000000000000', chosen.business_id::text)::jsonb)::text end as recorded
from held left join chosen on true left join accepted on true;
