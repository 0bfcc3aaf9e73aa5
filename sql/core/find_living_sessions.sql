-- Which of these sessions still speak for their person in their business, as core/find_principal asks of one: what keeps
-- many open connections asks for all of them at once.
-- $1 session_ids: sessions
-- $2 business_ids: the business of each, in the same order
-- index: sessions_pkey, users_pkey, memberships_user_uq, businesses_pkey
select s.id::text as session_id, b.id::text as business_id
from unnest($1::uuid[], $2::uuid[]) a (session_id, business_id)
join core.sessions s on s.id = a.session_id
join core.users u on u.id = s.user_id
join core.memberships m on m.business_id = a.business_id and m.user_id = u.id
join core.businesses b on b.id = m.business_id
where s.revoked_at is null and s.idle_expires_at > now() and s.expires_at > now() and s.token_version = u.token_version
  and u.status = 'active' and m.status = 'active' and b.status = 'active';
