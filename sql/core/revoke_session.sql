-- Ends a session of a person. No row: there is no such session, or it has ended.
-- $1 user_id: whose session
-- $2 session_id: which one
-- $3 reason: why, for the record
-- $4 invalidation: what it makes wrong in the cache
-- index: sessions_pkey
with ended as (
  update core.sessions s set revoked_at = now(), revoke_reason = $3::text
  where s.id = $2::uuid and s.user_id = $1::uuid and s.revoked_at is null
  returning s.id)
select ended.id::text as session_id, core.record_invalidation($4::text::jsonb)::text as recorded from ended;
