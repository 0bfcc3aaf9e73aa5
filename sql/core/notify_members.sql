-- Tells members of a business something: those named, and all of the roles named, each once; the actor is not told.
-- Returns how many were told. A statement that changes what it tells inserts its notifications itself.
-- $1 business_id: the tenant
-- $2 member_ids: members by id
-- $3 roles: members by role
-- $4 actor_user_id (nullable): who caused it
-- $5 notification: type, title, body, ref_type, ref_id, as a JSON object
-- index: memberships_business_ix, memberships_pk
with told as (
  insert into core.notifications (business_id, user_id, type, title, body, ref_type, ref_id)
  select $1::uuid, m.user_id, p.type, p.title, p.body, p.ref_type, p.ref_id
  from core.memberships m,
    jsonb_to_record($5::text::jsonb) as p (type text, title text, body text, ref_type text, ref_id uuid)
  where m.business_id = $1 and m.status = 'active' and (m.id = any ($2::uuid[]) or m.role = any ($3::core.member_role[]))
    and m.user_id is distinct from $4::uuid
  returning 1)
select count(*)::int as told from told;
