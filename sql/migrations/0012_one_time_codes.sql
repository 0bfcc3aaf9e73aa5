-- One-time codes: a challenge is a code on its way to somebody, and what the code will be good for. What one is good for
-- now is the step-up of a session (step_up); the other purposes log a person in, make an account or reset a password.
--
-- Keys without business_id: a challenge belongs to a person, who may be a member of several businesses, or to nobody yet
-- (signup). The jobs that deliver and delete read the due and the expired ones of all businesses.
create type core.otp_purpose as enum ('login', 'signup', 'reset_password', 'step_up');
create type core.otp_channel as enum ('sms', 'email');

create table core.otp_challenges (
  id uuid constraint otp_challenges_pk primary key,
  purpose core.otp_purpose not null,
  channel core.otp_channel not null,
  destination citext not null,                           -- phone number (E.164) or e-mail address
  user_id uuid constraint otp_challenges_user_fk references core.users,
  session_id uuid constraint otp_challenges_session_fk references core.sessions on delete cascade,
  code_hash bytea not null                               -- HMAC-SHA256 of id and code: without the key it says nothing
    constraint otp_challenges_code_ck check (length(code_hash) = 32),
  attempts smallint not null default 0                   -- wrong ones; after the fifth the code is dead
    constraint otp_challenges_attempts_ck check (attempts between 0 and 5),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  consumed_at timestamptz,                               -- a code is good once
  -- The delivery: the code under AES-256-GCM, with a key that the database does not know, until it was delivered or
  -- nobody can use it any more. In the row of the challenge, so that a newer code takes the place of one not sent yet.
  sealed_code bytea,
  delivery_attempts int not null default 0,
  next_delivery_at timestamptz,
  constraint otp_challenges_delivery_ck check ((sealed_code is null) = (next_delivery_at is null)),
  constraint otp_challenges_step_up_ck check (purpose <> 'step_up' or num_nulls(user_id, session_id) = 0)
);
-- one living code for each destination and purpose: the next one takes its place
create unique index otp_challenges_living_uq on core.otp_challenges (destination, purpose) where consumed_at is null;
create index otp_challenges_due_ix on core.otp_challenges (next_delivery_at) where sealed_code is not null;
create index otp_challenges_expiry_ix on core.otp_challenges (expires_at);
create index otp_challenges_session_ix on core.otp_challenges (session_id) where session_id is not null;

------------------------------------------------------------------------------------------------------------- step-up
-- Whether a one-time code was verified in this session, and how long ago at most: what a statement that moves much money
-- decides on, never on anything that was read before it.
create function core.stepped_up(p_session_id uuid, p_max_age interval default '5 minutes') returns boolean
language sql stable parallel safe
return exists (select from core.sessions s
  where s.id = p_session_id and s.revoked_at is null and s.step_up_at > now() - p_max_age);

-- The same as a refusal (step_up_required), which takes back the whole statement, so that no answer is stored under its
-- idempotency key: the client steps up and repeats the request with the same one. For plpgsql functions (`perform`); in a
-- plain statement PostgreSQL leaves out a select whose result nobody reads.
create function core.require_step_up(p_session_id uuid, p_max_age interval default '5 minutes') returns void
language plpgsql stable as $$
begin
  if not core.stepped_up(p_session_id, p_max_age) then
    raise exception 'no one-time code was verified in this session lately'
      using errcode = '23514', constraint = 'step_up_required';
  end if;
end $$;

-- Sessions are bookkeeping, but that one was stepped up, when and from where, is evidence. A row trigger: the statement
-- triggers of core.keep_audit cannot be bound to one column.
create function core.audit_step_up() returns trigger language plpgsql as $$
begin
  insert into core.audit_log (action, entity_type, entity_id, before, after)
  values ('session.updated', 'session', new.id, jsonb_build_object('step_up_at', old.step_up_at),
    jsonb_build_object('step_up_at', new.step_up_at));
  return null;
end $$;
create trigger audit_step_up after update of step_up_at on core.sessions for each row
when (new.step_up_at is distinct from old.step_up_at) execute function core.audit_step_up();
