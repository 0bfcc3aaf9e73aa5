-- What the audit trail costs those who write. It is kept as before; this is how it is written.
--
-- Most of the time of a short statement is spent on its parts' beginnings: a query in a trigger starts an executor, an insert
-- opens every index of its table and plans their predicates, a transition table is made and thrown away. So a trigger works
-- with old and new rows in expressions and writes once, into a table with one index, and the rest is done in the background,
-- for many rows at a time.

------------------------------------------------------------------------------------------------------------ the trail
-- Rows are written to core.audit_log_unsealed and go to the partition of their month when they are sealed: there, where
-- they are many, is every index that readers need, and each row enters it once. (To seal a row where it was wrote it a
-- second time into all of them.)
do $$
declare
  v_next bigint;
begin
  select nextval(pg_get_serial_sequence('core.audit_log', 'id')) into v_next;
  drop trigger refuse_change on core.audit_log;
  drop trigger refuse_delete on core.audit_log;
  drop function core.audit_hash(bytea, core.audit_log);
  drop function core.audit_text(core.audit_log);
  drop index core.audit_log_unsealed_ix;
  alter table core.audit_log rename to audit_log_sealed;
  alter table core.audit_log_sealed alter id drop identity, drop constraint audit_log_sealed_ck;
  create table core.audit_log (like core.audit_log_sealed including defaults) partition by list ((seq is null));
  alter table core.audit_log alter id add generated always as identity;
  execute format('alter table core.audit_log alter id restart with %s', v_next);
  create table core.audit_log_unsealed partition of core.audit_log for values in (true)
  with (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.0);
  insert into core.audit_log overriding system value select * from core.audit_log_sealed a where a.seq is null;
  delete from core.audit_log_sealed a where a.seq is null;
  alter table core.audit_log_sealed alter seq set not null, alter hash set not null;
  alter table core.audit_log attach partition core.audit_log_sealed for values in (false);
  -- the sealer's order, whatever waits for it; readers, who want the newest of a business, sort the few that wait
  create index audit_log_unsealed_ix on core.audit_log_unsealed (xid, id);
end $$;

-- Append-only, but for the sealer's one change, as in 0035. It moves the row, which is a delete to the triggers of rows: what
-- deletes is refused by its statement.
create trigger refuse_change before update on core.audit_log for each row
when (old.seq is not null or new.seq is null
  or (old.id, old.at, old.business_id, old.actor_user_id, old.session_id, old.request_id, old.ip, old.action,
    old.entity_type, old.entity_id, old.before, old.after, old.xid)
  is distinct from (new.id, new.at, new.business_id, new.actor_user_id, new.session_id, new.request_id, new.ip, new.action,
    new.entity_type, new.entity_id, new.before, new.after, new.xid))
execute function core.guard_audit_log();

-- Makes a table of the trail append-only for the statements that name it; those that name another one do not ask it.
create function core.guard_audit_table(p_table regclass) returns void language plpgsql as $$
begin
  execute format('create or replace trigger refuse_truncate before truncate on %s
    for each statement execute function core.guard_audit_log()', p_table);
  execute format('create or replace trigger refuse_delete before delete on %s
    for each statement execute function core.guard_audit_log()', p_table);
end $$;
select core.guard_audit_table(t.relid) from pg_partition_tree('core.audit_log') t;

-- As in 0002, for the sealed rows.
create or replace function core.create_audit_partitions(p_months_ahead int) returns int language plpgsql as $$
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
      execute format('create table core.%I partition of core.audit_log_sealed for values from (%L) to (%L)',
        v_name, v_from, v_to);
    end if;
    perform core.guard_audit_table(format('core.%I', v_name)::regclass);
    v_made := v_made + 1;
  end loop;
  return v_made;
end $$;

create or replace function core.split_audit_default(p_name text, p_from timestamptz, p_to timestamptz) returns void
language plpgsql as $$
begin
  alter table core.audit_log_sealed detach partition core.audit_log_default;
  execute format('create table core.%I partition of core.audit_log_sealed for values from (%L) to (%L)', p_name, p_from, p_to);
  insert into core.audit_log_sealed overriding system value
  select * from core.audit_log_default d where d.at >= p_from and d.at < p_to;
  alter table core.audit_log_default disable trigger refuse_delete;
  delete from core.audit_log_default d where d.at >= p_from and d.at < p_to;
  alter table core.audit_log_default enable trigger refuse_delete;
  alter table core.audit_log_sealed attach partition core.audit_log_default default;
end $$;

-- As in 0035.
create function core.audit_text(p_row core.audit_log) returns text language sql stable parallel safe
return jsonb_build_array(p_row.seq, p_row.id, to_char(p_row.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  p_row.business_id, p_row.actor_user_id, p_row.session_id, p_row.request_id, p_row.ip::text, p_row.action,
  p_row.entity_type, p_row.entity_id, p_row.before, p_row.after)::text;

create function core.audit_hash(p_previous bytea, p_row core.audit_log) returns bytea language sql stable parallel safe
return sha256(p_previous || convert_to(core.audit_text(p_row), 'UTF8'));

-- Seals up to p_max rows and returns how many, as in 0035. Rows are found again by their place: nobody else may change them.
create or replace function core.seal_audit(p_max int) returns int language plpgsql as $$
declare
  v record; v_row core.audit_log; v_seq bigint; v_hash bytea; v_count int := 0;
  v_places tid[] := '{}'; v_seqs bigint[] := '{}'; v_hashes bytea[] := '{}';
begin
  select c.last_seq, c.last_hash into v_seq, v_hash from core.audit_chain c for update skip locked;
  if not found then return 0; end if;
  for v in
    select a as line, a.ctid as place from core.audit_log a
    where a.seq is null and a.xid is distinct from pg_current_xact_id_if_assigned()
      and (a.xid < pg_snapshot_xmin(pg_current_snapshot()) or a.xid >= pg_snapshot_xmax(pg_current_snapshot()))
    order by a.xid, a.id limit p_max
  loop
    v_row := v.line; v_seq := v_seq + 1; v_row.seq := v_seq; v_hash := core.audit_hash(v_hash, v_row);
    v_places := v_places || v.place; v_seqs := v_seqs || v_seq; v_hashes := v_hashes || v_hash;
    v_count := v_count + 1;
  end loop;
  if v_count = 0 then return 0; end if;
  perform set_config('synchronous_commit', 'off', true);
  update core.audit_log a set seq = s.seq, hash = s.hash
  from unnest(v_places, v_seqs, v_hashes) s (place, seq, hash) where a.seq is null and a.ctid = s.place;
  update core.audit_chain set last_seq = v_seq, last_hash = v_hash, sealed_at = now();
  return v_count;
end $$;

---------------------------------------------------------------------------------------------------------- its triggers
-- Of which tables the trail is kept, and how; see core.keep_audit.
create table core.audited_tables (
  name text constraint audited_tables_pk primary key,    -- schema.table
  entity_type text not null, id_column text not null,
  hidden text[] not null, silent text[] not null,
  key text[] not null                                    -- columns of the primary key
);

-- What triggers write for one kind of change, as SQL: "insert … select … ". p_row is the alias of the row.
create function core.audit_insert(t core.audited_tables, p_change text, p_row text, p_before text, p_after text)
returns text language sql stable as $$
  select format('insert into core.audit_log_unsealed (business_id, action, entity_type, entity_id, before, after)
    select %s, %L, %L, %s, %s, %s',
    case when t.name = 'core.businesses' then p_row || '.id'
      else coalesce((select format(case when a.attnotnull then '%1$s.business_id' else 'coalesce(%1$s.business_id, %2$s)' end,
        p_row, s.actor) from pg_attribute a where a.attrelid = t.name::regclass and a.attname = 'business_id'), s.actor) end,
    t.entity_type || '.' || p_change, t.entity_type,
    -- a setting has a name and no id
    coalesce((select format('%s.%I', p_row, a.attname) from pg_attribute a
      where a.attrelid = t.name::regclass and a.attname = t.id_column), 'null'), p_before, p_after)
  from (values ($s$core.app_setting('business_id')::uuid$s$)) s (actor)
$$;

-- What an update has changed, as assignments to v_before and v_after, which are null if nothing has. An expression is prepared
-- anew by each transaction that comes to it, so columns are compared by the handful first.
create function core.audit_comparison(t core.audited_tables) returns text language sql stable as $$
  select string_agg(format(e'if row(%s) is distinct from row(%s) then\n%s\nend if;', g.old, g.new, g.assignments), e'\n' order by g.n)
  from (
    select c.n / 6 as n, string_agg(format('old.%I', c.name), ', ' order by c.n) as old,
      string_agg(format('new.%I', c.name), ', ' order by c.n) as new,
      string_agg(format(case when c.name = any (t.hidden)
          then $s$v_before := coalesce(v_before, '{}'); v_after := coalesce(v_after, '{}');$s$
          else $s$if old.%1$I is distinct from new.%1$I then
            v_before := coalesce(v_before, '{}') || jsonb_build_object(%1$L, old.%1$I);
            v_after := coalesce(v_after, '{}') || jsonb_build_object(%1$L, new.%1$I);
          end if;$s$ end, c.name), e'\n' order by c.n) as assignments
    from (
      select a.attname::text as name, a.attname = any (t.hidden) as is_hidden,
        -- secrets are a handful of their own
        row_number() over (partition by a.attname = any (t.hidden) order by a.attnum) - 1
          + case when a.attname = any (t.hidden) then 6000 else 0 end as n
      from pg_attribute a
      where a.attrelid = t.name::regclass and a.attnum > 0 and not a.attisdropped
        and a.attname <> all (t.silent) and a.attname <> all (t.key)) c
    group by c.n / 6) g
$$;

-- Writes the function by which the triggers of a table tell the trail. It names the columns: a migration that gives a table
-- that is kept already another column calls core.write_audit once more.
create function core.write_audit(p_table regclass) returns void language plpgsql as $$
declare
  t core.audited_tables; v_function text; v_row text; v_names text;
  v_moved text := e'\nfrom (select %1$s.*) r cross join lateral (select %2$s) v';
begin
  select a.* into strict t from core.audited_tables a where a.name::regclass = p_table;
  v_function := format('%I.%I', split_part(t.name, '.', 1), 'audit_' || split_part(t.name, '.', 2));
  -- a row that is made or goes: all of it but what is silent or hidden. Columns are chosen, which costs less than taking keys
  -- away from a document
  select string_agg(format('r.%I', a.attname), ', ' order by a.attnum) into v_row from pg_attribute a
  where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
    and a.attname <> all (t.silent) and a.attname <> all (t.hidden);
  -- told of every update where the id alone does not say which row it was
  select string_agg(format('%L, new.%I', k, k), ', ') into v_names from unnest(t.key) k where k not in ('business_id', t.id_column);
  execute format($sql$create or replace function %s() returns trigger language plpgsql as %L$sql$, v_function, concat_ws(e'\n',
    'declare v_before jsonb; v_after jsonb;',
    'begin',
    'if tg_op = ''INSERT'' then',
    core.audit_insert(t, 'created', 'r', 'null', 'to_jsonb(v)'), format('from new_rows r cross join lateral (select %s) v;', v_row),
    'return null;',
    'elsif tg_op = ''DELETE'' then',
    core.audit_insert(t, 'deleted', 'r', 'to_jsonb(v)', 'null'), format('from old_rows r cross join lateral (select %s) v;', v_row),
    'return null;',
    'end if;',
    -- another key: another row
    format('if row(%s) is distinct from row(%s) then',
      (select string_agg(format('old.%I', k), ', ') from unnest(t.key) k),
      (select string_agg(format('new.%I', k), ', ') from unnest(t.key) k)),
    core.audit_insert(t, 'deleted', 'r', 'to_jsonb(v)', 'null'), format(v_moved, 'old', v_row) || ';',
    core.audit_insert(t, 'created', 'r', 'null', 'to_jsonb(v)'), format(v_moved, 'new', v_row) || ';',
    'return null;',
    'end if;',
    core.audit_comparison(t),
    'if v_before is not null then',
    core.audit_insert(t, 'updated', 'new', coalesce(format('jsonb_build_object(%s) || ', v_names), '') || 'v_before',
      coalesce(format('jsonb_build_object(%s) || ', v_names), '') || 'v_after') || ';',
    'end if;',
    'return null;',
    'end'));
end $$;

-- Makes changes of a table known to the audit trail under the name p_entity. Stamps and version are not told: the audit
-- row's own at and actor say them. p_hidden: secrets (a change of one makes a row, its values are in none). p_quiet: not told
-- at all. p_id: the column that becomes entity_id. Called once per table.
--
-- Rows that one statement makes or deletes may be many, and are told of at once. Updates are told of row by row, without the
-- tables of old and new rows, which cost more than one row does.
create or replace function core.keep_audit(p_table regclass, p_entity text, p_hidden text[] default '{}',
  p_quiet text[] default '{}', p_id text default 'id') returns void language plpgsql as $$
begin
  insert into core.audited_tables (name, entity_type, id_column, hidden, silent, key)
  select c.relnamespace::regnamespace || '.' || c.relname, p_entity, p_id, p_hidden,
    p_quiet || '{created_at,created_by,updated_at,updated_by,version}'::text[],
    array(select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
      where i.indexrelid = (select u.indexrelid from pg_index u where u.indrelid = p_table and u.indisunique
                            order by u.indisprimary desc, u.indexrelid limit 1))
  from pg_class c where c.oid = p_table;
  perform core.add_audit_triggers(p_table);
end $$;

create function core.add_audit_triggers(p_table regclass) returns void language plpgsql as $$
declare
  v_event text[];
begin
  perform core.write_audit(p_table);
  foreach v_event slice 1 in array array[
    ['insert', 'referencing new table as new_rows for each statement'],
    ['update', 'for each row'],
    ['delete', 'referencing old table as old_rows for each statement']]
  loop
    execute format($sql$create trigger audit_%s after %1$s on %s %s
      when (current_setting('app.import', true) is distinct from 'on') execute function %I.%I()$sql$,
      v_event[1], p_table, v_event[2], (select c.relnamespace::regnamespace from pg_class c where c.oid = p_table),
      'audit_' || (select c.relname from pg_class c where c.oid = p_table));
  end loop;
end $$;

-- The tables that are kept already: what their triggers were told (0002) stands in the arguments.
insert into core.audited_tables (name, entity_type, id_column, hidden, silent, key)
select c.relnamespace::regnamespace || '.' || c.relname, a.words[1], a.words[2], a.words[3]::text[], a.words[4]::text[],
  a.words[5]::text[]
from pg_trigger t join pg_class c on c.oid = t.tgrelid
cross join lateral (select string_to_array(encode(t.tgargs, 'escape'), '\000')) a (words)
where t.tgname = 'audit_insert' and t.tgfoid = 'core.audit_change'::regproc;
do $$
declare
  v_table text;
begin
  for v_table in select a.name from core.audited_tables a loop
    execute format('drop trigger audit_insert on %s', v_table);
    execute format('drop trigger audit_update on %s', v_table);
    execute format('drop trigger audit_delete on %s', v_table);
    perform core.add_audit_triggers(v_table::regclass);
  end loop;
end $$;
drop function core.audit_change();
drop function core.audit_business(text, jsonb);
drop function core.changed_values(jsonb, jsonb);
drop function core.named_values(jsonb, text[]);
