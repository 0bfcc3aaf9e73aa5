-- Which of these sessions still speak for their person in their business, as core/find_principal asks of one: what keeps
-- many open connections asks for all of them at once.
-- $1 session_ids: sessions
-- $2 business_ids: the business of each, in the same order
-- index: sessions_pkey, users_pkey, memberships_user_uq, businesses_pkey
select s.id::text as session_id, l.business_id::text as business_id
from unnest($1::uuid[], $2::uuid[]) a (session_id, business_id)
join core.sessions s on s.id = a.session_id
-- One by one, whatever the statistics say: joined from their business, its members would be looked at for each session.
cross join lateral (
  select m.business_id
  from core.users u, core.memberships m, core.businesses b
  where u.id = s.user_id and m.business_id = a.business_id and m.user_id = s.user_id and b.id = a.business_id
    and s.token_version = u.token_version and u.status = 'active' and m.status = 'active' and b.status = 'active'
  limit 1) l
where s.revoked_at is null and s.idle_expires_at > now() and s.expires_at > now();
