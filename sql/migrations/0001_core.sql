-- The core: businesses, the people who work for them, their customers, their sessions, and what every later table needs:
-- stamps that the database keeps (core.keep_record) and the two ends of a write (core.begin_act, core.end_act).
--
-- Ids are UUIDv7 made by the application; the default is only a safety net.
-- Every row of business data carries business_id and every key of such a row begins with it, so that a foreign key
-- cannot join two businesses and the tables can be distributed by business. The exceptions and their reasons:
--   currencies, users, businesses      belong to nobody: they are what the others refer to
--   settings                           has rows of the whole installation beside those of a business
--   sessions, refresh_tokens           belong to a person, who may be a member of several businesses
--   audit_log, audit_chain, outbox     streams, read in their own order; the chain runs through all businesses
--   memberships_user_ix                login reads every business of one person
--   idempotency_keys_expiry_ix, files_deleted_ix       background jobs work through all businesses
create extension if not exists pgcrypto;
create extension if not exists citext;
create extension if not exists pg_trgm;
create extension if not exists btree_gist;
create extension if not exists btree_gin;

create schema core;

create type core.user_status as enum ('active', 'locked', 'suspended', 'deleted');
create type core.business_status as enum ('active', 'suspended', 'closed');
create type core.member_role as enum
  ('owner', 'admin', 'manager', 'agent', 'sub_agent', 'operator', 'clerk', 'compliance', 'customer');
create type core.member_status as enum ('invited', 'active', 'suspended', 'left');

-- The wire format of an instant: RFC 3339 in UTC with milliseconds.
create function core.iso(p_at timestamptz) returns text language sql stable parallel safe
return to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- Text as a LIKE pattern that matches itself: a search for 100% finds "100%".
create function core.like_pattern(p_text text) returns text language sql immutable parallel safe
return replace(replace(replace(p_text, '\', '\\'), '%', '\%'), '_', '\_');

-- A setting of the running statement (app.user_id, app.request_id, …), null when it is absent or empty.
create function core.app_setting(p_name text) returns text language sql stable parallel safe
return nullif(current_setting('app.' || p_name, true), '');

-- Whether a name is a zone of the IANA database that this server knows. POSIX rules ('XYZ-3') are not names.
create function core.is_timezone(p_name text) returns boolean language plpgsql immutable parallel safe as $$
begin
  return p_name ~ '^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$'
    and (p_name !~ '[+-][0-9]' or p_name ~ '^Etc/GMT[+-][0-9]{1,2}$')
    and (timestamptz 'epoch' at time zone p_name) is not null;
exception when invalid_parameter_value then
  return false;
end $$;

-------------------------------------------------------------------------------------------------------------- stamps
-- Who and when belong to the database: a statement can neither forge nor forget created_at, created_by, updated_at and
-- updated_by. They come from the transaction's clock and from app.user_id; without a user (a background job) they say
-- null and, on an update, leave the last user's name. Only an import (app.import = on) brings its own values in.
-- The arguments name quiet columns: bookkeeping whose change does not count as a change of the record.
create function core.stamp() returns trigger language plpgsql as $$
declare
  v_user uuid := core.app_setting('user_id')::uuid;
begin
  if tg_op = 'INSERT' then
    new.created_at := now(); new.created_by := v_user; new.updated_at := now(); new.updated_by := v_user;
    return new;
  end if;
  new.created_at := old.created_at; new.created_by := old.created_by;
  new.updated_at := old.updated_at; new.updated_by := old.updated_by;
  if tg_nargs > 0 and to_jsonb(new) - tg_argv = to_jsonb(old) - tg_argv then return new; end if;
  new.updated_at := now(); new.updated_by := coalesce(v_user, old.updated_by);
  return new;
end $$;

-- Every update is a new version; what If-Match compares. Arguments: quiet columns, as in core.stamp.
create function core.bump_version() returns trigger language plpgsql as $$
begin
  new.version := old.version;
  if tg_nargs > 0 and to_jsonb(new) - tg_argv - '{updated_at,updated_by}'::text[]
                    = to_jsonb(old) - tg_argv - '{updated_at,updated_by}'::text[] then return new; end if;
  new.version := old.version + 1;
  return new;
end $$;

-- Makes a table a table of records: the four stamps and, where it has one, the version. Called once per table.
create function core.keep_record(p_table regclass, p_quiet text[] default '{}') returns void language plpgsql as $$
declare
  v_arguments text := (select coalesce(string_agg(quote_literal(c), ', '), '') from unnest(p_quiet) c);
begin
  execute format('alter table %s
    add column if not exists created_at timestamptz not null default now(),
    add column if not exists updated_at timestamptz not null default now(),
    add column if not exists created_by uuid, add column if not exists updated_by uuid', p_table);
  execute format($sql$create trigger stamp_insert before insert on %s for each row
    when (current_setting('app.import', true) is distinct from 'on') execute function core.stamp()$sql$, p_table);
  execute format('create trigger stamp_update before update on %s for each row execute function core.stamp(%s)',
    p_table, v_arguments);
  if exists (select from pg_attribute where attrelid = p_table and attname = 'version' and not attisdropped) then
    execute format('create trigger version_update before update on %s for each row
      execute function core.bump_version(%s)', p_table, v_arguments);
  end if;
end $$;

-- Refuses what an append-only table must never see. A delete that comes from the deletion of its parent passes.
create function core.refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and pg_trigger_depth() > 1 then return old; end if;
  raise exception '% is append-only', tg_table_name using errcode = '23514', constraint = 'append_only';
end $$;

-- Makes a table append-only: no update, no delete but by cascade, no truncate.
create function core.keep_append_only(p_table regclass) returns void language plpgsql as $$
begin
  execute format('create trigger refuse_change before update or delete on %s for each row
    execute function core.refuse_change()', p_table);
  execute format('create trigger refuse_truncate before truncate on %s for each statement
    execute function core.refuse_change()', p_table);
end $$;

---------------------------------------------------------------------------------------------- businesses and people
create table core.currencies (
  code char(3) primary key constraint currencies_code_ck check (code ~ '^[A-Z]{3}$'),
  exponent smallint not null constraint currencies_exponent_ck check (exponent between 0 and 4),
  name text not null
);

insert into core.currencies (code, exponent, name) values
  ('NGN', 2, 'Naira'), ('GHS', 2, 'Cedi'), ('KES', 2, 'Kenyan shilling'), ('ZAR', 2, 'Rand'), ('USD', 2, 'US dollar'),
  ('EUR', 2, 'Euro'), ('GBP', 2, 'Pound sterling'), ('TRY', 2, 'Lira'), ('INR', 2, 'Rupee'), ('JPY', 0, 'Yen'),
  ('KWD', 3, 'Kuwaiti dinar');

create table core.users (
  id uuid primary key default gen_random_uuid(),
  username citext constraint users_username_ck check (username ~ '^[a-z0-9][a-z0-9._-]{2,63}$'),
  phone text constraint users_phone_ck check (phone ~ '^\+[1-9][0-9]{6,14}$'),            -- E.164
  email citext constraint users_email_ck check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
  full_name text not null constraint users_full_name_ck check (length(full_name) between 1 and 200),
  password_hash text,                                    -- argon2id; null = one-time codes only
  status core.user_status not null default 'active',
  is_superadmin boolean not null default false,
  timezone text not null default 'UTC' constraint users_timezone_ck check (core.is_timezone(timezone)),
  locale text not null default 'en', avatar_file_id uuid,
  token_version int not null default 0,                  -- +1 ends every session that was opened before it
  failed_logins smallint not null default 0, locked_until timestamptz,
  version int not null default 1,
  constraint users_login_name_ck check (num_nonnulls(username, phone, email) > 0)
);
create unique index users_username_uq on core.users (username) where username is not null and status <> 'deleted';
create unique index users_phone_uq on core.users (phone) where phone is not null and status <> 'deleted';
create unique index users_email_uq on core.users (email) where email is not null and status <> 'deleted';
-- a failed login is not a change of the person: no version, no audit row
select core.keep_record('core.users', '{failed_logins,locked_until}');

create table core.businesses (
  id uuid primary key default gen_random_uuid(),
  code text not null constraint businesses_code_uq unique
    constraint businesses_code_ck check (code ~ '^[A-Z0-9]{4,10}$'),
  name text not null constraint businesses_name_ck check (length(name) between 1 and 200),
  modules text[] not null default '{savings,bank,budget,shop}'
    constraint businesses_modules_ck check (modules <@ '{savings,bank,budget,shop}'),
  currency char(3) not null constraint businesses_currency_fk references core.currencies,
  timezone text not null constraint businesses_timezone_ck check (core.is_timezone(timezone)),
  status core.business_status not null default 'active',
  version int not null default 1
);
select core.keep_record('core.businesses');

-- A business's own calendar day: what decides "overdue", never the server's zone.
create function core.business_today(p_business_id uuid) returns date language sql stable parallel safe
return (select (now() at time zone b.timezone)::date from core.businesses b where b.id = p_business_id);

create table core.settings (                             -- business_id null = the whole installation
  business_id uuid constraint settings_business_fk references core.businesses,
  key text not null constraint settings_key_ck check (key ~ '^[a-z0-9_]+(\.[a-z0-9_]+)+$'),
  value jsonb not null,
  version int not null default 1,
  constraint settings_uq unique nulls not distinct (business_id, key)
);
select core.keep_record('core.settings');

create table core.units (
  business_id uuid not null constraint units_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  name text not null constraint units_name_ck check (length(name) between 1 and 200),
  location text,
  version int not null default 1,
  constraint units_pk primary key (business_id, id),
  constraint units_name_uq unique (business_id, name)
);
select core.keep_record('core.units');

create table core.memberships (
  business_id uuid not null constraint memberships_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  user_id uuid not null constraint memberships_user_fk references core.users,
  unit_id uuid,
  role core.member_role not null,
  parent_member_id uuid,                                 -- a sub-agent's agent
  status core.member_status not null default 'active',
  -- how the business named a person who has a login already: all it may know of them until they accept
  invited_as text,
  version int not null default 1,
  constraint memberships_pk primary key (business_id, id),
  constraint memberships_unit_fk foreign key (business_id, unit_id) references core.units,
  constraint memberships_parent_fk foreign key (business_id, parent_member_id) references core.memberships,
  constraint memberships_parent_ck check ((role = 'sub_agent') = (parent_member_id is not null)),
  constraint memberships_own_parent_ck check (parent_member_id <> id),
  constraint memberships_invited_ck check (invited_as is null or status <> 'active'),
  constraint memberships_accepted_ck check (invited_as is not null or status <> 'invited')
);
create unique index memberships_user_uq on core.memberships (business_id, user_id) where status <> 'left';
select core.keep_record('core.memberships');

-- Rules over several rows: a business keeps an active owner (last_owner), a sub-agent works for an agent
-- (memberships_parent_role), an agent with sub-agents stays one (memberships_sub_agents). Whoever could break one waits
-- in turn, one lock a business, and then sees what the others did.
create function core.guard_membership() returns trigger language plpgsql as $$
declare
  v_was_owner boolean := tg_op = 'UPDATE' and old.role = 'owner' and old.status = 'active';
  v_was_agent boolean := tg_op = 'UPDATE' and old.role = 'agent';
begin
  if new.role <> 'sub_agent' and not v_was_owner and not v_was_agent then return new; end if;
  perform pg_advisory_xact_lock(hashtextextended('core.memberships/' || new.business_id, 0));
  if v_was_owner and (new.role <> 'owner' or new.status <> 'active') and not exists (
    select from core.memberships m where m.business_id = old.business_id and m.role = 'owner' and m.status = 'active'
      and m.id <> old.id) then
    raise exception 'a business keeps an active owner' using errcode = '23514', constraint = 'last_owner';
  end if;
  if v_was_agent and new.role <> 'agent' and exists (
    select from core.memberships m where m.business_id = old.business_id and m.parent_member_id = old.id
      and m.status <> 'left') then
    raise exception 'the agent has sub-agents' using errcode = '23514', constraint = 'memberships_sub_agents';
  end if;
  if new.role = 'sub_agent' and new.parent_member_id is not null and not exists (
    select from core.memberships m where m.business_id = new.business_id and m.id = new.parent_member_id
      and m.role = 'agent') then
    raise exception 'a sub-agent works for an agent' using errcode = '23514', constraint = 'memberships_parent_role';
  end if;
  return new;
end $$;
create trigger guard before insert or update of role, status, parent_member_id on core.memberships for each row
when (current_setting('app.import', true) is distinct from 'on') execute function core.guard_membership();

-- Whether a member is an active owner now, whatever the token says: only owners make and unmake owners.
create function core.is_owner(p_business_id uuid, p_member_id uuid) returns boolean language sql stable parallel safe
return exists (select from core.memberships m where m.business_id = p_business_id and m.id = p_member_id
  and m.role = 'owner' and m.status = 'active');

create table core.customers (                            -- needs no login; shared by savings, bank and shop
  business_id uuid not null constraint customers_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  unit_id uuid,
  user_id uuid constraint customers_user_fk references core.users,
  code text constraint customers_code_ck check (length(code) between 1 and 64),
  name text not null constraint customers_name_ck check (length(name) between 1 and 200),
  phone text constraint customers_phone_ck check (phone ~ '^\+[1-9][0-9]{6,14}$'),
  email citext constraint customers_email_ck check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
  tax_no text,
  address jsonb not null default '{}' constraint customers_address_ck check (jsonb_typeof(address) = 'object'),
  is_active boolean not null default true,               -- false = archived
  notes text,
  version int not null default 1,
  constraint customers_pk primary key (business_id, id),
  constraint customers_unit_fk foreign key (business_id, unit_id) references core.units,
  constraint customers_code_uq unique (business_id, code)
);
select core.keep_record('core.customers');

------------------------------------------------------------------------------------------------------------ sessions
-- One session is one login: the family of every refresh token that descends from it. Revoking the session ends them all.
create table core.sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null constraint sessions_user_fk references core.users,
  active_business_id uuid constraint sessions_business_fk references core.businesses,
  token_version int not null default 0,                  -- the person's at login; the session ends when theirs moves on
  ip inet, user_agent text,
  step_up_at timestamptz,                                -- when a one-time code was last verified in this session
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  idle_expires_at timestamptz not null,                  -- moved on by every refresh
  expires_at timestamptz not null,                       -- absolute: nothing moves it
  revoked_at timestamptz, revoke_reason text,
  constraint sessions_limits_ck check (idle_expires_at <= expires_at),
  constraint sessions_revoked_ck check ((revoked_at is null) = (revoke_reason is null))
);
-- ended ones too: they tell the business and the addresses that a person used last
create index sessions_user_ix on core.sessions (user_id, last_seen_at desc, id desc);
create index sessions_expiry_ix on core.sessions (expires_at);

-- Every refresh token of a session, kept as long as the session, so that an old one is known as such for ever:
-- using a token takes it (used_at) and writes its successor. Presented again within the grace of parallel refreshes
-- it means the same refresh; later it means theft, and the session is revoked.
create table core.refresh_tokens (
  token_hash bytea primary key,                          -- sha256 of the token
  session_id uuid not null constraint refresh_tokens_session_fk references core.sessions on delete cascade,
  created_at timestamptz not null default now(),
  used_at timestamptz,
  successor_hash bytea,
  constraint refresh_tokens_used_ck check ((used_at is null) = (successor_hash is null))
);
create index refresh_tokens_session_ix on core.refresh_tokens (session_id);
-- a family has one living token, whatever races
create unique index refresh_tokens_living_uq on core.refresh_tokens (session_id) where used_at is null;

----------------------------------------------------------------------------------------------------------- the write
-- A row is an answer that was given: it is written with the effect, in the same transaction, and never before it.
create table core.idempotency_keys (
  business_id uuid not null, member_id uuid not null,
  key text not null constraint idempotency_keys_key_ck check (length(key) between 8 and 255),
  request_hash bytea not null,                           -- method, path and body
  status smallint not null constraint idempotency_keys_status_ck check (status between 200 and 499),
  response text not null,                                -- text, not jsonb: a replay is byte for byte
  location text, version int,                            -- what the headers Location and ETag said
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '7 days',
  constraint idempotency_keys_pk primary key (business_id, member_id, key)
);
create index idempotency_keys_expiry_ix on core.idempotency_keys (expires_at);

-- Opens a write: says who acts to the triggers, for this transaction only, and takes the idempotency key.
-- No row: the key is answered already; read its row. Refuses: idempotency_in_progress, idempotency_mismatch.
-- p_act: business_id, user_id, member_id, session_id, request_id, ip, and key, request_hash (hex), both or neither.
create function core.begin_act(p_act jsonb) returns table (business_id uuid, user_id uuid, member_id uuid)
language plpgsql rows 1 as $$
declare
  v_hash bytea;
begin
  begin_act.business_id := (p_act ->> 'business_id')::uuid;
  begin_act.user_id := (p_act ->> 'user_id')::uuid;
  begin_act.member_id := (p_act ->> 'member_id')::uuid;
  perform set_config('app.' || s.name, coalesce(p_act ->> s.name, ''), true)
  from unnest(array['business_id', 'user_id', 'session_id', 'request_id', 'ip']) s (name);
  perform set_config('app.import', 'off', true);         -- whatever the connection was used for before
  if p_act ->> 'key' is not null then
    -- held to the end of the transaction, so that after it either the answer is stored or the effect never was
    if not pg_try_advisory_xact_lock(hashtextextended(
      concat_ws('/', 'idempotency', p_act ->> 'business_id', p_act ->> 'member_id', p_act ->> 'key'), 0)) then
      raise exception 'the first request with this key is still running'
        using errcode = '23514', constraint = 'idempotency_in_progress';
    end if;
    -- a volatile function sees what was committed before this line, not only before the statement that called it
    select k.request_hash into v_hash from core.idempotency_keys k
    where k.business_id = begin_act.business_id and k.member_id = begin_act.member_id and k.key = p_act ->> 'key';
    if found then
      if v_hash <> decode(p_act ->> 'request_hash', 'hex') then
        raise exception 'this key was used for another request'
          using errcode = '23514', constraint = 'idempotency_mismatch';
      end if;
      return;
    end if;
  end if;
  return next;
end $$;

-- Closes a write: stores the answer under its key, if there is one, and returns the body. Call it once per statement.
create function core.end_act(p_act jsonb, p_status int, p_body text, p_location text default null,
  p_version int default null) returns text
language plpgsql as $$
begin
  if p_act ->> 'key' is null then return p_body; end if;
  insert into core.idempotency_keys (business_id, member_id, key, request_hash, status, response, location, version)
  values ((p_act ->> 'business_id')::uuid, (p_act ->> 'member_id')::uuid, p_act ->> 'key',
    decode(p_act ->> 'request_hash', 'hex'), p_status, p_body, p_location, p_version)
  on conflict do nothing;
  if not found then
    raise exception 'the first request with this key is still running'
      using errcode = '23514', constraint = 'idempotency_in_progress';
  end if;
  return p_body;
end $$;

create table core.sequences (                            -- gap-free numbers: one upsert inside the transaction
  business_id uuid not null constraint sequences_business_fk references core.businesses,
  name text not null, period text not null default '', next_value bigint not null default 1,
  constraint sequences_pk primary key (business_id, name, period)
);

------------------------------------------------------------------------------------------- messages and attachments
create table core.outbox (                               -- written with the change; feeds sockets and notifications
  id bigint generated always as identity primary key, at timestamptz not null default now(),
  business_id uuid, topic text not null, key text, payload jsonb not null, published_at timestamptz
);
create index outbox_pending_ix on core.outbox (id) where published_at is null;

create table core.notifications (
  business_id uuid not null constraint notifications_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  user_id uuid not null constraint notifications_user_fk references core.users,
  type text not null, title text not null, body text, ref_type text, ref_id uuid, read_at timestamptz,
  constraint notifications_pk primary key (business_id, id)
);
select core.keep_record('core.notifications');

create table core.files (
  business_id uuid not null constraint files_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  owner_user_id uuid constraint files_owner_fk references core.users,
  sha256 bytea not null constraint files_sha256_ck check (length(sha256) = 32),
  size_bytes bigint not null constraint files_size_ck check (size_bytes > 0),
  mime text not null, filename text not null, storage_key text not null, ref_type text, ref_id uuid,
  deleted_at timestamptz,
  constraint files_pk primary key (business_id, id),
  constraint files_storage_key_uq unique (business_id, storage_key)
);
select core.keep_record('core.files');
create index files_deleted_ix on core.files (deleted_at) where deleted_at is not null;
