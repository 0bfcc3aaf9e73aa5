-- Makes a login for a person and makes them a member. No row: only an owner makes owners.
-- $1 act: who acts, and the idempotency key
-- $2 member_id: id of the new membership
-- $3 user_id: id of the new user
-- $4 member: the members of the request body without the password, as JSON
-- $5 password_hash: argon2id of the initial password
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
p as (select * from jsonb_to_record($4::text::jsonb) as p (username citext, phone text, email citext, full_name text,
  role core.member_role, unit_id uuid, parent_member_id uuid)),
person as (
  insert into core.users as u (id, username, phone, email, full_name, password_hash)
  select $3::uuid, p.username, p.phone, p.email, p.full_name, $5::text from act, p
  where p.role <> 'owner' or core.is_owner(act.business_id, act.member_id)
  returning u as person),
member as (
  insert into core.memberships as m (business_id, id, user_id, role, unit_id, parent_member_id)
  select act.business_id, $2::uuid, (person.person).id, p.role, p.unit_id, p.parent_member_id from act, p, person
  returning m.id, m.version, m as member),
shown as (select member.id, member.version, core.member_body(member.member, person.person)::text as body from member, person)
select 201 as status, version, '/api/v1/members/' || id as location,
  core.end_act($1::text::jsonb, 201, body, '/api/v1/members/' || id, version) as body
from shown;
