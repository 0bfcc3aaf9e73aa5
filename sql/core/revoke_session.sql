-- Ends a session of one's own. No row: there is no such session, or it has ended.
-- $1 user_id: whose session
-- $2 session_id: which one
-- $3 reason: why, for the record
-- index: sessions_pkey
update core.sessions s set revoked_at = now(), revoke_reason = $3::text
where s.id = $2::uuid and s.user_id = $1::uuid and s.revoked_at is null
returning s.id::text as session_id;
