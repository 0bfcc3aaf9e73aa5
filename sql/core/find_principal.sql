-- Who a session speaks for in a business. No row: the session has ended, the person is suspended or has another password
-- since, the membership is not active, or the business is closed.
-- $1 session_id: the token's session
-- $2 user_id: the token's subject
-- $3 business_id: the business asked for
-- index: sessions_pkey, users_pkey, memberships_user_uq, businesses_pkey
select m.id::text as member_id, m.role, b.timezone, b.currency::text as currency
from core.sessions s
join core.users u on u.id = s.user_id
join core.memberships m on m.business_id = $3::uuid and m.user_id = u.id
join core.businesses b on b.id = m.business_id
where s.id = $1::uuid and s.user_id = $2::uuid and s.revoked_at is null and s.idle_expires_at > now()
  and s.expires_at > now() and s.token_version = u.token_version and u.status = 'active' and m.status = 'active'
  and b.status = 'active';
