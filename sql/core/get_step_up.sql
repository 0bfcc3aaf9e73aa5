-- Whether a one-time code was verified in a session, not too long ago.
-- $1 session_id: which session
-- $2 max_age_s: seconds ago at most
-- index: sessions_pkey
select core.stepped_up($1::uuid, make_interval(secs => $2::int)) as is_stepped_up;
