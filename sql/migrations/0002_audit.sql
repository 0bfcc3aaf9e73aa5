-- The audit trail: one row for each change of business data, written by the database itself (core.keep_audit),
-- append-only, partitioned by month, and sealed into one hash chain in the background (core.seal_audit), which
-- core.verify_audit proves.
create table core.audit_log (
  id bigint generated always as identity,
  at timestamptz not null default now(),
  business_id uuid default core.app_setting('business_id')::uuid,
  actor_user_id uuid default core.app_setting('user_id')::uuid,
  session_id uuid default core.app_setting('session_id')::uuid,
  request_id text default core.app_setting('request_id'),
  ip inet default core.app_setting('ip')::inet,
  action text not null,                                  -- customer.created, .updated, .deleted
  entity_type text not null, entity_id uuid,
  before jsonb, after jsonb,                             -- an update: the changed values only
  xid xid8 not null default pg_current_xact_id(),        -- orders the chain: ids are not handed out in commit order
  seq bigint, hash bytea,                                -- place in the chain; null until sealed
  constraint audit_log_pk primary key (at, id),
  constraint audit_log_sealed_ck check ((seq is null) = (hash is null))
) partition by range (at);

create table core.audit_log_default partition of core.audit_log default;
create index audit_log_page_ix on core.audit_log (business_id, at desc, id desc);
create index audit_log_entity_ix on core.audit_log (business_id, entity_type, entity_id, at desc, id desc);
create index audit_log_actor_ix on core.audit_log (business_id, actor_user_id, at desc, id desc);
create index audit_log_unsealed_ix on core.audit_log (xid, id) where seq is null;
create index audit_log_seq_ix on core.audit_log (seq) where seq is not null;

create table core.audit_chain (                          -- one row: the end of the chain
  is_only boolean primary key default true constraint audit_chain_only_ck check (is_only),
  last_seq bigint not null default 0,
  last_hash bytea not null default decode(repeat('00', 32), 'hex'),
  sealed_at timestamptz
);
insert into core.audit_chain default values;

-- Append-only, but for the sealer's one change: seq and hash from null to a value, and nothing beside them.
create function core.guard_audit_log() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.seq is null and new.seq is not null then
    old.seq := new.seq; old.hash := new.hash;
    if old is not distinct from new then return new; end if;
  end if;
  raise exception 'the audit trail is append-only' using errcode = '23514', constraint = 'append_only';
end $$;

create trigger refuse_change before update or delete on core.audit_log
for each row execute function core.guard_audit_log();
create trigger refuse_truncate before truncate on core.audit_log
for each statement execute function core.guard_audit_log();
-- the trigger of a partitioned table does not see a truncate of one partition
create trigger refuse_truncate before truncate on core.audit_log_default
for each statement execute function core.guard_audit_log();

-- Makes the partitions from last month to p_months_ahead months ahead (UTC months); returns how many were missing. Rows
-- that had to go to the default partition, because nobody called this in time, move to their month.
create function core.create_audit_partitions(p_months_ahead int) returns int language plpgsql as $$
declare
  v_month timestamp; v_from timestamptz; v_to timestamptz; v_name text; v_made int := 0;
begin
  perform pg_advisory_xact_lock(hashtextextended('core.create_audit_partitions', 0));
  for v_month in
    select generate_series(m - interval '1 month', m + make_interval(months => p_months_ahead), interval '1 month')
    from date_trunc('month', now() at time zone 'UTC') m
  loop
    v_name := 'audit_log_' || to_char(v_month, 'YYYY_MM');
    continue when to_regclass('core.' || v_name) is not null;
    v_from := v_month at time zone 'UTC'; v_to := (v_month + interval '1 month') at time zone 'UTC';
    if exists (select from core.audit_log_default d where d.at >= v_from and d.at < v_to) then
      perform core.split_audit_default(v_name, v_from, v_to);
    else
      execute format('create table core.%I partition of core.audit_log for values from (%L) to (%L)',
        v_name, v_from, v_to);
    end if;
    execute format('create trigger refuse_truncate before truncate on core.%I
      for each statement execute function core.guard_audit_log()', v_name);
    v_made := v_made + 1;
  end loop;
  return v_made;
end $$;

-- Makes one partition out of rows that lie in the default one. Detached, the default is a plain table without guard.
create function core.split_audit_default(p_name text, p_from timestamptz, p_to timestamptz) returns void
language plpgsql as $$
begin
  alter table core.audit_log detach partition core.audit_log_default;
  execute format('create table core.%I partition of core.audit_log for values from (%L) to (%L)', p_name, p_from, p_to);
  insert into core.audit_log overriding system value
  select * from core.audit_log_default d where d.at >= p_from and d.at < p_to;
  delete from core.audit_log_default d where d.at >= p_from and d.at < p_to;
  alter table core.audit_log attach partition core.audit_log_default default;
end $$;

select core.create_audit_partitions(3);

-------------------------------------------------------------------------------------------------------------- writing
-- The values of p_new that differ from those of p_old.
create function core.changed_values(p_old jsonb, p_new jsonb) returns jsonb language sql immutable parallel safe
return (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(p_new) e
        where e.value is distinct from p_old -> e.key);

-- The values of p_row under these keys.
create function core.named_values(p_row jsonb, p_keys text[]) returns jsonb language sql immutable parallel safe
return (select coalesce(jsonb_object_agg(k, p_row -> k), '{}') from unnest(p_keys) k);

-- Statement-level: one call for one row or for a hundred thousand. Arguments: entity type, the column that becomes
-- entity_id, hidden columns (secrets: a change of one makes a row, its values are in none), silent columns (not told at
-- all), columns of the primary key. The actor comes from the defaults of core.audit_log.
create function core.audit_change() returns trigger language plpgsql as $$
declare
  v_entity text := tg_argv[0]; v_id text := tg_argv[1];
  v_hidden text[] := tg_argv[2]; v_silent text[] := tg_argv[3]; v_key text[] := tg_argv[4];
  -- told of every update, changed or not, where entity_id alone does not say which row it was
  v_name text[] := array(select k from unnest(v_key) k where k not in ('business_id', v_id));
begin
  if tg_op = 'INSERT' then
    insert into core.audit_log (business_id, action, entity_type, entity_id, after)
    select core.audit_business(v_entity, j), v_entity || '.created', v_entity, (j ->> v_id)::uuid, j - v_silent - v_hidden
    from (select to_jsonb(n) from new_rows n) r (j);
  elsif tg_op = 'DELETE' then
    insert into core.audit_log (business_id, action, entity_type, entity_id, before)
    select core.audit_business(v_entity, j), v_entity || '.deleted', v_entity, (j ->> v_id)::uuid, j - v_silent - v_hidden
    from (select to_jsonb(o) from old_rows o) r (j);
  else
    -- paired by grouping: the plan is kept, and a join planned for one row would be quadratic for many
    insert into core.audit_log (business_id, action, entity_type, entity_id, before, after)
    select core.audit_business(v_entity, coalesce(n, o)),
      v_entity || case when o is null then '.created' when n is null then '.deleted' else '.updated' end,
      v_entity, (coalesce(n, o) ->> v_id)::uuid, core.named_values(o, v_name) || core.changed_values(n, o) - v_hidden,
      core.named_values(n, v_name) || core.changed_values(o, n) - v_hidden
    from (select (array_agg(j) filter (where not is_new))[1] - v_silent, (array_agg(j) filter (where is_new))[1] - v_silent
          from (select false, to_jsonb(o) from old_rows o union all
                select true, to_jsonb(n) from new_rows n) r (is_new, j)
          group by array(select j ->> k from unnest(v_key) k)) p (o, n)
    where o is distinct from n;
  end if;
  return null;
end $$;

-- The business a changed row belongs to; where the row does not say, the one its actor works for.
create function core.audit_business(p_entity text, p_row jsonb) returns uuid language sql stable parallel safe
return coalesce((p_row ->> 'business_id')::uuid, case p_entity when 'business' then (p_row ->> 'id')::uuid end,
  core.app_setting('business_id')::uuid);

-- Makes changes of a table known to the audit trail under the name p_entity. Stamps and version are not told: the audit
-- row's own at and actor say them. Called once per table.
create function core.keep_audit(p_table regclass, p_entity text, p_hidden text[] default '{}',
  p_quiet text[] default '{}', p_id text default 'id') returns void language plpgsql as $$
declare
  v_silent text[] := p_quiet || '{created_at,created_by,updated_at,updated_by,version}'::text[];
  v_key text[] := array(
    select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    where i.indexrelid = (select u.indexrelid from pg_index u where u.indrelid = p_table and u.indisunique
                          order by u.indisprimary desc, u.indexrelid limit 1));
  v_event text[];
begin
  foreach v_event slice 1 in array array[
    ['insert', 'referencing new table as new_rows'],
    ['update', 'referencing old table as old_rows new table as new_rows'],
    ['delete', 'referencing old table as old_rows']]
  loop
    execute format($sql$create trigger audit_%s after %1$s on %s %s for each statement
      when (current_setting('app.import', true) is distinct from 'on')
      execute function core.audit_change(%L, %L, %L, %L, %L)$sql$,
      v_event[1], p_table, v_event[2], p_entity, p_id, p_hidden, v_silent, v_key);
  end loop;
end $$;

select core.keep_audit('core.users', 'user', '{password_hash}', '{failed_logins,locked_until}');
select core.keep_audit('core.businesses', 'business');
select core.keep_audit('core.settings', 'setting');
select core.keep_audit('core.units', 'unit');
select core.keep_audit('core.memberships', 'member');
select core.keep_audit('core.customers', 'customer');
select core.keep_audit('core.files', 'file', '{storage_key}');

-------------------------------------------------------------------------------------------------------------- sealing
-- What the chain vouches for, as one text that a later release must be able to make again.
create function core.audit_text(p_row core.audit_log) returns text language sql immutable parallel safe
return jsonb_build_array(p_row.seq, p_row.id, to_char(p_row.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  p_row.business_id, p_row.actor_user_id, p_row.session_id, p_row.request_id, p_row.ip::text, p_row.action,
  p_row.entity_type, p_row.entity_id, p_row.before, p_row.after)::text;

create function core.audit_hash(p_previous bytea, p_row core.audit_log) returns bytea language sql immutable parallel safe
return sha256(p_previous || convert_to(core.audit_text(p_row), 'UTF8'));

-- Seals up to p_max rows and returns how many it sealed; one sealer at a time, another returns 0. Takes only rows whose
-- transaction is older than every running one: no row can appear before them any more. Rows from the future of the
-- transaction counter come from a restored dump and are as final.
create function core.seal_audit(p_max int) returns int language plpgsql as $$
declare
  v_row core.audit_log; v_seq bigint; v_hash bytea; v_count int := 0;
  v_ats timestamptz[] := '{}'; v_ids bigint[] := '{}'; v_seqs bigint[] := '{}'; v_hashes bytea[] := '{}';
begin
  select c.last_seq, c.last_hash into v_seq, v_hash from core.audit_chain c for update skip locked;
  if not found then return 0; end if;
  for v_row in
    select a.* from core.audit_log a
    where a.seq is null and a.xid is distinct from pg_current_xact_id_if_assigned()
      and (a.xid < pg_snapshot_xmin(pg_current_snapshot()) or a.xid >= pg_snapshot_xmax(pg_current_snapshot()))
    order by a.xid, a.id limit p_max
  loop
    v_seq := v_seq + 1; v_row.seq := v_seq; v_hash := core.audit_hash(v_hash, v_row);
    v_ats := v_ats || v_row.at; v_ids := v_ids || v_row.id; v_seqs := v_seqs || v_seq; v_hashes := v_hashes || v_hash;
    v_count := v_count + 1;
  end loop;
  if v_count = 0 then return 0; end if;
  update core.audit_log a set seq = s.seq, hash = s.hash
  from unnest(v_ats, v_ids, v_seqs, v_hashes) s (at, id, seq, hash) where a.at = s.at and a.id = s.id;
  update core.audit_chain set last_seq = v_seq, last_hash = v_hash, sealed_at = now();
  return v_count;
end $$;

-- Proves the chain: always one row; reason is null when every sealed row is the one that was sealed, and otherwise says
-- what is wrong with the first broken row: 'changed' (seq, id and at are its own), 'missing' (seq is the place that is
-- empty), 'tail_missing' (from seq on nothing is left of what was sealed), 'beyond_head' (a row that nobody sealed),
-- 'head_changed' (the rows are whole, the record of the chain's end is not).
-- Rows that are not sealed yet are not proven; unsealed counts them.
create function core.verify_audit() returns table
  (verified bigint, unsealed bigint, reason text, seq bigint, id bigint, at timestamptz)
language plpgsql stable as $$
declare
  v_head core.audit_chain; v_end bigint;
begin
  select * into v_head from core.audit_chain;
  select count(*) into unsealed from core.audit_log a where a.seq is null;
  select x.reason, x.seq, x.id, x.at, x.verified into reason, seq, id, at, verified
  from (
    select case when a.seq <> w.place then 'missing' when a.seq > v_head.last_seq then 'beyond_head' else 'changed' end reason,
      w.place seq, case when a.seq = w.place then a.id end id, case when a.seq = w.place then a.at end at, w.place - 1 verified
    from (select b, row_number() over s place, lag(b.hash, 1, decode(repeat('00', 32), 'hex')) over s previous
          from core.audit_log b where b.seq is not null window s as (order by b.seq)) w (a_row, place, previous),
      lateral (select (w.a_row).seq, (w.a_row).id, (w.a_row).at, (w.a_row).hash) a
    where a.seq <> w.place or a.seq > v_head.last_seq or a.hash is distinct from core.audit_hash(w.previous, w.a_row)
    order by w.place limit 1) x;
  if found then return next; return; end if;
  select coalesce(max(a.seq), 0) into v_end from core.audit_log a where a.seq is not null;
  verified := v_end;
  if v_end < v_head.last_seq then
    reason := 'tail_missing'; seq := v_end + 1;
  elsif v_head.last_hash <> coalesce((select a.hash from core.audit_log a where a.seq = v_end), v_head.last_hash) then
    reason := 'head_changed'; seq := v_end;
  end if;
  return next;
end $$;
