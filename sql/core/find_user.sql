-- A person as the cache keeps them. No row: nobody, or somebody who may not log in.
-- $1 user_id: who
-- index: users_pkey
select u.token_version from core.users u where u.id = $1::uuid and u.status = 'active';
