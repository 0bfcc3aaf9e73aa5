-- The person who asks, with the businesses they belong to. `seen`: id and version of each business that the answer depends
-- on, as a JSON array of pairs; a closed one too, for it may be opened again.
-- $1 user_id: who asks
-- $2 business_id: the business they work in now
-- index: users_pkey, memberships_user_ix, businesses_pkey
select core.me_body(u, $2::uuid)::text as body, u.version,
  (select coalesce(json_agg(json_build_array(b.id, b.version)), '[]')
   from core.memberships m join core.businesses b on b.id = m.business_id
   where m.user_id = u.id and m.status in ('active', 'invited'))::text as seen
from core.users u where u.id = $1::uuid;
