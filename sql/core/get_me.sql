-- The person who asks, with the businesses they belong to.
-- $1 user_id: who asks
-- $2 business_id: the business they work in now
-- index: users_pkey, memberships_user_ix
select core.me_body(u, $2::uuid)::text as body, u.version from core.users u where u.id = $1::uuid;
