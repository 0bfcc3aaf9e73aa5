-- A session as the cache keeps it. No row: there is none of this person, or it has ended.
-- $1 session_id: which one
-- $2 user_id: whose
-- index: sessions_pkey
select s.token_version,
  -- by the clock of the database: whoever keeps it measures how long it was kept, and no two clocks are compared
  floor(extract(epoch from least(s.idle_expires_at, s.expires_at) - now()))::int as left_s
from core.sessions s
where s.id = $1::uuid and s.user_id = $2::uuid and s.revoked_at is null and s.idle_expires_at > now()
  and s.expires_at > now();
