-- Tries a one-time code, and steps its session up when it is the right one. One update takes the code or counts the
-- failure: of parallel tries each waits for the one before it, so that one succeeds, and five fail, whatever races.
-- `outcome`: verified; exhausted (five wrong ones before); refused (wrong, used, expired, of another session, or none).
-- The hashes are keyed: how long their comparison takes tells nothing to who cannot make one.
-- $1 act: who acts
-- $2 challenge_id: which one
-- $3 code_hash: HMAC-SHA256 of the id and the code that was tried
-- $4 resend_s: seconds after which another code may be asked for
-- $5 max_age_s: seconds that the step-up is good for
-- nullable: body
-- index: otp_challenges_pk, sessions_pkey
with act as materialized (
  select a.user_id, ($1::text::jsonb ->> 'session_id')::uuid as session_id from core.begin_act($1::text::jsonb) a),
tried as (
  update core.otp_challenges c set
    attempts = c.attempts + (c.code_hash <> $3::bytea)::int,
    consumed_at = case when c.code_hash = $3::bytea then now() end,
    -- whoever has the code needs it no more
    sealed_code = case when c.code_hash <> $3::bytea then c.sealed_code end,
    next_delivery_at = case when c.code_hash <> $3::bytea then c.next_delivery_at end
  from act
  where c.id = $2::uuid and c.user_id = act.user_id and c.session_id = act.session_id and c.purpose = 'step_up'
    and c.consumed_at is null and c.expires_at > now() and c.attempts < 5
  returning c.session_id, c.consumed_at),
stepped_up as (
  update core.sessions s set step_up_at = now()
  from tried where tried.consumed_at is not null and s.id = tried.session_id and s.revoked_at is null
  returning s.step_up_at),
dead as (
  select greatest(1, ceil(extract(epoch from c.created_at + make_interval(secs => $4::int) - now())))::int as wait_s
  from core.otp_challenges c join act on c.user_id = act.user_id and c.session_id = act.session_id
  where c.id = $2::uuid and c.consumed_at is null and c.expires_at > now() and c.attempts >= 5)
select case when stepped_up.step_up_at is not null then 'verified' when dead.wait_s is not null then 'exhausted'
    else 'refused' end as outcome,
  coalesce(dead.wait_s, 0) as retry_after_s,
  case when stepped_up.step_up_at is not null then json_build_object('purpose', 'step_up',
    'step_up_at', core.iso(stepped_up.step_up_at),
    'step_up_expires_at', core.iso(stepped_up.step_up_at + make_interval(secs => $5::int)))::text end as body
from act left join stepped_up on true left join dead on true;
