-- One-time codes without a login: who has the phone or the e-mail address of a person logs in, resets the password, or
-- makes an account; and a person's new phone or address, which counts once a code that was sent there came back.
--
-- Nobody may learn by them who has an account. So the request for a code asks nothing of core.users: it leaves the same
-- row for everybody, and the courier finds out, beside the answer, whether there is anything to send. Trying a code does
-- the same work whether somebody is there or not, and counts failures for nobody too.
alter type core.otp_purpose add value 'change_contact';

-- As text: a new value of an enum cannot be used in the transaction that adds it.
alter table core.otp_challenges add constraint otp_challenges_change_contact_ck
  check (purpose::text <> 'change_contact' or user_id is not null);

-- a picture is not deleted while somebody shows it
create index users_avatar_ix on core.users (avatar_file_id) where avatar_file_id is not null;

-- Who has this phone number or e-mail address: one person at most, of any status but deleted.
create function core.find_person(p_channel core.otp_channel, p_destination citext) returns setof core.users
language sql stable parallel safe rows 1 as $$
  select u.* from core.users u
  where p_channel = 'sms' and u.phone = p_destination::text and u.status <> 'deleted'
  union all
  select u.* from core.users u
  where p_channel = 'email' and u.email = p_destination and u.status <> 'deleted' $$;

-- Makes the living code of a destination and purpose, in place of the one before it. p_code_hash: HMAC-SHA256 of the code,
-- p_sealed_code: the code, encrypted for the delivery, p_ttl_s: seconds until it expires. No row: the one before it is not
-- p_resend_s old yet.
create function core.make_challenge(p_id uuid, p_purpose core.otp_purpose, p_channel core.otp_channel, p_destination citext,
  p_user_id uuid, p_session_id uuid, p_code_hash bytea, p_sealed_code bytea, p_ttl_s int, p_resend_s int default 0)
returns setof core.otp_challenges
language sql volatile rows 1 as $$
  insert into core.otp_challenges as c
    (id, purpose, channel, destination, user_id, session_id, code_hash, expires_at, sealed_code, next_delivery_at)
  values (p_id, p_purpose, p_channel, p_destination, p_user_id, p_session_id, p_code_hash,
    now() + make_interval(secs => p_ttl_s), p_sealed_code, now())
  on conflict (destination, purpose) where consumed_at is null do update set
    id = excluded.id, channel = excluded.channel, user_id = excluded.user_id, session_id = excluded.session_id,
    code_hash = excluded.code_hash, attempts = 0, created_at = excluded.created_at, expires_at = excluded.expires_at,
    sealed_code = excluded.sealed_code, delivery_attempts = 0, next_delivery_at = excluded.next_delivery_at
  where c.created_at <= now() - make_interval(secs => p_resend_s)
  returning c.* $$;

-- Tries the living code of a destination and purpose; p_user_id: of this person's challenge, null for one of nobody's. One
-- update takes the code or counts the failure: of parallel tries each waits for the one before it, so that one succeeds,
-- and five fail, whatever races. p_is_good: whether the right code would be good for anything; if not, none is right.
-- outcome: verified; exhausted (five wrong ones before: retry_after_s until another can be had, p_resend_s after it was
-- made); refused (wrong, used, expired, of somebody else, or none).
-- The hashes are keyed: how long their comparison takes tells nothing to who cannot make one.
create function core.take_code(p_purpose core.otp_purpose, p_destination citext, p_code_hash bytea, p_user_id uuid,
  p_is_good boolean, p_resend_s int, out outcome text, out retry_after_s int)
language plpgsql as $$
declare
  v_is_right boolean;
begin
  update core.otp_challenges c set
    attempts = c.attempts + (c.code_hash <> p_code_hash or not p_is_good)::int,
    consumed_at = case when c.code_hash = p_code_hash and p_is_good then now() end,
    -- whoever has the code needs it no more
    sealed_code = case when c.code_hash <> p_code_hash or not p_is_good then c.sealed_code end,
    next_delivery_at = case when c.code_hash <> p_code_hash or not p_is_good then c.next_delivery_at end
  where c.destination = p_destination and c.purpose = p_purpose and c.consumed_at is null
    and c.user_id is not distinct from p_user_id and c.expires_at > now() and c.attempts < 5
  returning c.consumed_at is not null into v_is_right;
  retry_after_s := 0;
  if v_is_right then
    outcome := 'verified';
    return;
  end if;
  outcome := 'refused';
  if v_is_right is null then
    select 'exhausted', greatest(1, ceil(extract(epoch from c.created_at + make_interval(secs => p_resend_s) - now())))::int
    into outcome, retry_after_s
    from core.otp_challenges c
    where c.destination = p_destination and c.purpose = p_purpose and c.consumed_at is null
      and c.user_id is not distinct from p_user_id and c.expires_at > now() and c.attempts >= 5;
    if not found then
      outcome := 'refused';
      retry_after_s := 0;
    end if;
  end if;
end $$;

-- Where a person goes when they log in: the business they worked in last, else their first; an invitation only where they
-- have nothing else. No row: they belong to none.
create function core.choose_membership(p_user_id uuid) returns setof core.memberships
language sql stable rows 1 as $$
  select m.* from core.memberships m join core.businesses b on b.id = m.business_id
  where m.user_id = p_user_id and m.status in ('active', 'invited') and b.status = 'active'
  order by m.status = 'active' desc,
    m.business_id is not distinct from (
      select s.active_business_id from core.sessions s where s.user_id = p_user_id
      order by s.last_seen_at desc, s.id desc limit 1) desc,
    m.created_at, m.id
  limit 1 $$;

-- Says who acts to the triggers: a person who is not logged in yet. p_session as in core.open_session.
create function core.act_as(p_session jsonb, p_user_id uuid, p_business_id uuid, p_member_id uuid) returns void
language sql volatile as $$
  select from core.begin_act(jsonb_build_object('business_id', p_business_id, 'user_id', p_user_id,
    'member_id', p_member_id, 'session_id', p_session -> 'session_id', 'request_id', p_session -> 'request_id',
    'ip', p_session -> 'ip')) $$;

-- Opens a session for a person whose credentials were right. Who has nothing but an invitation accepts it by logging in.
-- p_session: session_id, token_hash (hex, of the first refresh token), ip, user_agent, idle_ttl_s, absolute_ttl_s,
-- request_id. No row: the person is not active any more. No business: they belong to none, and no session was opened.
-- The person's row is held, so that a password change either sees this session or is seen by it (token_version).
create function core.open_session(p_user_id uuid, p_session jsonb)
returns table (business_id uuid, user_body text, business_body text, has_accepted boolean)
language plpgsql rows 1 as $$
declare
  v_user core.users; v_member core.memberships; v_id uuid := (p_session ->> 'session_id')::uuid;
  v_idle interval := make_interval(secs => (p_session ->> 'idle_ttl_s')::int);
  v_absolute interval := make_interval(secs => (p_session ->> 'absolute_ttl_s')::int);
begin
  select u.* into v_user from core.users u where u.id = p_user_id and u.status = 'active' for no key update;
  if not found then return; end if;
  select m.* into v_member from core.choose_membership(p_user_id) m;
  if v_user.failed_logins > 0 or v_user.locked_until is not null then
    update core.users u set failed_logins = 0, locked_until = null where u.id = p_user_id;
  end if;
  has_accepted := false;
  if v_member.status = 'invited' then
    perform core.act_as(p_session, p_user_id, v_member.business_id, v_member.id);
    update core.memberships m set status = 'active', invited_as = null
    where m.business_id = v_member.business_id and m.id = v_member.id and m.status = 'invited';
    has_accepted := found;
  end if;
  if v_member.business_id is not null then
    insert into core.sessions (id, user_id, active_business_id, token_version, ip, user_agent, idle_expires_at, expires_at)
    values (v_id, p_user_id, v_member.business_id, v_user.token_version, (p_session ->> 'ip')::inet,
      p_session ->> 'user_agent', now() + least(v_idle, v_absolute), now() + v_absolute);
    insert into core.refresh_tokens (token_hash, session_id) values (decode(p_session ->> 'token_hash', 'hex'), v_id);
  end if;
  return query select v_member.business_id, core.user_body(v_user)::text,
    (select core.business_body(b)::text from core.businesses b where b.id = v_member.business_id), has_accepted;
end $$;

-- Makes an account for who has a phone or an e-mail address, and a business of their own. p_account: user_id, member_id,
-- business_id, code, full_name, password_hash, locale, timezone, business_name, currency. False: somebody has it meanwhile.
create function core.sign_up(p_channel core.otp_channel, p_destination citext, p_account jsonb, p_session jsonb)
returns boolean language plpgsql as $$
declare
  v_user uuid := (p_account ->> 'user_id')::uuid; v_member uuid := (p_account ->> 'member_id')::uuid;
  v_business uuid := (p_account ->> 'business_id')::uuid;
begin
  perform core.act_as(p_session, v_user, v_business, v_member);
  insert into core.users (id, phone, email, full_name, password_hash, timezone, locale)
  values (v_user, case p_channel when 'sms' then p_destination::text end, case p_channel when 'email' then p_destination end,
    p_account ->> 'full_name', p_account ->> 'password_hash', p_account ->> 'timezone', p_account ->> 'locale')
  on conflict do nothing;
  if not found then return false; end if;
  insert into core.businesses (id, code, name, currency, timezone)
  values (v_business, p_account ->> 'code', p_account ->> 'business_name', p_account ->> 'currency',
    p_account ->> 'timezone');
  insert into core.memberships (business_id, id, user_id, role) values (v_business, v_member, v_user, 'owner');
  return true;
end $$;

-- Sets a password without the old one and ends every session of the person; they are told. p_password_hash: argon2id.
create function core.reset_password(p_user_id uuid, p_password_hash text, p_session jsonb) returns void
language plpgsql as $$
declare
  v_member core.memberships;
begin
  select m.* into v_member from core.choose_membership(p_user_id) m;
  perform core.act_as(p_session, p_user_id, v_member.business_id, v_member.id);
  update core.users u set password_hash = p_password_hash, token_version = u.token_version + 1, failed_logins = 0,
    locked_until = null
  where u.id = p_user_id;
  update core.sessions s set revoked_at = now(), revoke_reason = 'password_reset'
  where s.user_id = p_user_id and s.revoked_at is null;
  perform core.tell(v_member.business_id, p_user_id, 'password_reset', 'Your password was reset with a one-time code');
end $$;

-- Tells a person what was done with their account: whoever did it may be somebody else.
create function core.tell(p_business_id uuid, p_user_id uuid, p_type text, p_title text) returns void
language sql volatile as $$
  insert into core.notifications (business_id, user_id, type, title, ref_type, ref_id)
  select p_business_id, p_user_id, p_type, p_title, 'user', p_user_id where p_business_id is not null $$;

-- Lets in who has the code that was sent to a phone or an e-mail address, for login, signup (p_account as in core.sign_up)
-- or reset_password (p_account: password_hash). p_invalidation: what that makes wrong in the cache, with the nil UUID in
-- place of the business and the highest one in place of the person; is_recorded: whether it did. outcome as in
-- core.take_code. No business: the person belongs to none, and no session was opened.
create function core.enter_by_code(p_purpose core.otp_purpose, p_channel core.otp_channel, p_destination citext,
  p_code_hash bytea, p_resend_s int, p_account jsonb, p_session jsonb, p_invalidation jsonb,
  out outcome text, out retry_after_s int, out user_id uuid, out business_id uuid, out user_body text,
  out business_body text, out is_recorded boolean)
language plpgsql as $$
declare
  v_user core.users; v_is_good boolean; v_has_accepted boolean;
begin
  select u.* into v_user from core.find_person(p_channel, p_destination) u;
  v_is_good := case p_purpose when 'signup' then v_user.id is null else coalesce(v_user.status = 'active', false) end;
  select t.outcome, t.retry_after_s into outcome, retry_after_s
  from core.take_code(p_purpose, p_destination, p_code_hash, null, v_is_good, p_resend_s) t;
  is_recorded := false;
  if outcome <> 'verified' then return; end if;
  if p_purpose = 'signup' then
    user_id := (p_account ->> 'user_id')::uuid;
    if not core.sign_up(p_channel, p_destination, p_account, p_session) then
      outcome := 'refused';
      return;
    end if;
  else
    user_id := v_user.id;
    if p_purpose = 'reset_password' then
      perform core.reset_password(user_id, p_account ->> 'password_hash', p_session);
      is_recorded := true;
    end if;
  end if;
  select o.business_id, o.user_body, o.business_body, o.has_accepted
  into business_id, user_body, business_body, v_has_accepted from core.open_session(user_id, p_session) o;
  if not found then
    outcome := 'refused';
  end if;
  is_recorded := is_recorded or coalesce(v_has_accepted, false);
  if is_recorded then
    perform core.record_invalidation(replace(replace(p_invalidation::text, 'ffffffff-ffff-ffff-ffff-ffffffffffff',
      user_id::text), '00000000-0000-0000-0000-000000000000',
      coalesce(business_id, '00000000-0000-0000-0000-000000000000')::text)::jsonb);
  end if;
end $$;

-- Makes the phone or e-mail address that a code was sent to the person's own, and tells them. outcome as in core.take_code;
-- person is the row afterwards. What somebody else has got meanwhile is refused as a wrong code is.
create function core.change_contact(p_user_id uuid, p_business_id uuid, p_channel core.otp_channel, p_destination citext,
  p_code_hash bytea, p_resend_s int, out outcome text, out retry_after_s int, out person core.users)
language plpgsql as $$
begin
  select t.outcome, t.retry_after_s into outcome, retry_after_s
  from core.take_code('change_contact', p_destination, p_code_hash, p_user_id,
    not exists (select from core.find_person(p_channel, p_destination)), p_resend_s) t;
  if outcome <> 'verified' then return; end if;
  update core.users u set
    phone = case p_channel when 'sms' then p_destination::text else u.phone end,
    email = case p_channel when 'email' then p_destination else u.email end
  where u.id = p_user_id and u.status = 'active'
  returning u.* into person;
  if not found then
    outcome := 'refused';
    return;
  end if;
  perform core.tell(p_business_id, p_user_id, 'contact_changed', case p_channel
    when 'sms' then 'Your phone number was changed' else 'Your e-mail address was changed' end);
end $$;

-- The file that is to be somebody's picture: an image that they uploaded in the business where they work now, or null for
-- none. Refuses: users_avatar_file.
create function core.own_picture(p_business_id uuid, p_user_id uuid, p_file_id uuid) returns uuid
language plpgsql stable as $$
begin
  if p_file_id is not null and not exists (
    select from core.files f where f.business_id = p_business_id and f.id = p_file_id and f.owner_user_id = p_user_id
      and f.deleted_at is null and f.readers is null and f.mime like 'image/%') then
    raise exception 'no picture of this person' using errcode = '23514', constraint = 'users_avatar_file';
  end if;
  return p_file_id;
end $$;
