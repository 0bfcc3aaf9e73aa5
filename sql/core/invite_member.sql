-- Invites a person who has a login. They become an active member when they enter the business, and are until then only
-- what they were invited as. No row: nobody has this name, or only an owner makes owners.
-- $1 act: who acts, and the idempotency key
-- $2 member_id: id of the new membership
-- $3 member: the members of the request body, as JSON
-- nullable: location
-- index: users_username_uq, users_phone_uq, users_email_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
p as (select * from jsonb_to_record($3::text::jsonb) as p (username citext, phone text, email citext,
  role core.member_role, unit_id uuid, parent_member_id uuid)),
person as materialized (
  select u as person from p join core.users u on u.username = p.username and u.status <> 'deleted'
  union all select u from p join core.users u on u.phone = p.phone and u.status <> 'deleted'
  union all select u from p join core.users u on u.email = p.email and u.status <> 'deleted'),
member as (
  insert into core.memberships as m (business_id, id, user_id, role, unit_id, parent_member_id, status, invited_as)
  select act.business_id, $2::uuid, (person.person).id, p.role, p.unit_id, p.parent_member_id, 'invited',
    coalesce(p.username, p.phone, p.email)
  from act, p, person where p.role <> 'owner' or core.is_owner(act.business_id, act.member_id)
  returning m.id, m.version, m as member),
shown as (select member.id, member.version, core.member_body(member.member, person.person)::text as body from member, person)
select 201 as status, version, '/api/v1/members/' || id as location,
  core.end_act($1::text::jsonb, 201, body, '/api/v1/members/' || id, version) as body
from shown;
