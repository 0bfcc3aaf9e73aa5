-- What a password change is checked against.
-- $1 user_id: who
-- nullable: password_hash, username, email, phone
-- index: users_pkey
select u.password_hash, u.username::text as username, u.email::text as email, u.phone, u.full_name
from core.users u where u.id = $1::uuid and u.status = 'active';
