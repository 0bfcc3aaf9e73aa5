-- One member.
-- $1 business_id: the tenant
-- $2 member_id: which one
-- index: memberships_pk, users_pkey
select core.member_body(m, u)::text as body, m.version, m.user_id::text as user_id, m.role, m.status
from core.memberships m join core.users u on u.id = m.user_id
where m.business_id = $1 and m.id = $2;
