-- Counts a wrong password. From the fifth in a row the account is held up, for 2 s, doubling with each further one up to
-- 64 s: guessing becomes slow, and nobody is kept out for long. While it is held up nothing is counted, so that
-- guessing on does not prolong it; an hour of peace starts the count again.
-- $1 user_id: whose password
-- index: users_pkey
update core.users u set
  failed_logins = c.failures,
  locked_until = case when c.failures >= 5 then now() + interval '2 s' * power(2, least(c.failures - 5, 5)) end
from (select id, case when locked_until < now() - interval '1 hour' then 1 else least(failed_logins + 1, 100) end as failures
      from core.users where id = $1::uuid) c
where u.id = c.id and (u.locked_until is null or u.locked_until <= now())
returning u.failed_logins;
