-- Which of the published demo logins exist, for the button of the docs page.
-- $1 emails: e-mail addresses to look for
-- index: users_email_uq, memberships_user_ix
select u.email::text as email, m.role::text as role
from core.users u
join core.memberships m on m.user_id = u.id
where u.email = any ($1::text[]::citext[]) and u.status = 'active' and m.status = 'active'
order by array_position($1::text[], u.email::text);
