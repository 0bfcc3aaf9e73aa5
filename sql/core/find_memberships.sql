-- Where a person is an active member, as the cache keeps it.
-- $1 user_id: who
-- index: memberships_user_ix
select m.business_id::text as business_id, m.id::text as member_id, m.role
from core.memberships m where m.user_id = $1::uuid and m.status = 'active';
