-- Counters: what dashboards show of tables that grow. Writers append signed deltas, so that no row is hot; a background
-- job folds them (core.fold_counters), and readers add both: a figure costs the same with a thousand rows and with ten
-- million, and is exact at every moment, because deltas commit with the rows that they count.
--
-- A counter has a name (bank.transfers) and a dimension, a list of words that one reads a range of
-- ({2026-11-20T08,internal,posted,NGN}). It says how many rows there are, and how much they come to together.
-- counted_tables belongs to nobody; counter_deltas is a stream, folded in its own order.
create table core.counters (
  business_id uuid not null, name text collate "C" not null, dimension text[] collate "C" not null,
  count bigint not null,
  total numeric not null,                                -- amounts of an hour may come to more than a bigint holds
  constraint counters_pk primary key (business_id, name, dimension)
) with (fillfactor = 70);

-- Rows live for a second or two.
create table core.counter_deltas (
  id bigint generated always as identity constraint counter_deltas_pk primary key,
  business_id uuid not null, name text collate "C" not null, dimension text[] collate "C" not null,
  count bigint not null, total numeric not null
) with (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.0);
create index counter_deltas_ix on core.counter_deltas (business_id, name);

-- What counts now: folded or not.
create view core.counter_values as
select x.business_id, x.name, x.dimension, sum(x.count)::bigint as count, sum(x.total) as total
from (select business_id, name, dimension, count, total from core.counters
      union all select business_id, name, dimension, count, total from core.counter_deltas) x
group by x.business_id, x.name, x.dimension;

create table core.counted_tables (
  name text constraint counted_tables_pk primary key,    -- schema.table
  counts text not null                                   -- schema.function, see core.keep_counters
);

-- Makes changes of a table known to its counters, and counts what it holds. Called once per table. p_counts names a
-- function that says where ONE row counts: (row) → table (business_id uuid, name text, dimension text[], total numeric).
-- New rows are added and old ones subtracted, per statement; imports (app.import = on) count like everything else.
-- The trigger function is written for its table, with statements that are planned once: the function of the row is
-- inlined into them where it is one SELECT in language sql, and stable. Executed text would be parsed at every statement.
create function core.keep_counters(p_table regclass, p_counts text) returns void language plpgsql as $$
declare
  v_schema text; v_table text; v_name text; v_function text; v_event text[];
  v_new text := format('select c.*, 1 as sign from new_rows r cross join lateral %s(row(r.*)::%s) c', p_counts, p_table);
  v_old text := format('select c.*, -1 as sign from old_rows r cross join lateral %s(row(r.*)::%s) c', p_counts, p_table);
  v_body text := '';
begin
  select n.nspname, c.relname into v_schema, v_table
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = p_table;
  v_name := v_schema || '.' || v_table;
  v_function := format('%I.%I', v_schema, 'count_' || v_table);
  foreach v_event slice 1 in array array[['INSERT', v_new], ['DELETE', v_old], ['UPDATE', v_new || ' union all ' || v_old]]
  loop
    v_body := v_body || format($sql$
      if tg_op = %L then
        insert into core.counter_deltas (business_id, name, dimension, count, total)
        select x.business_id, x.name, x.dimension, sum(x.sign), sum(x.sign * x.total) from (%s) x
        group by x.business_id, x.name, x.dimension having sum(x.sign) <> 0 or sum(x.sign * x.total) <> 0;
      end if;$sql$, v_event[1], v_event[2]);
  end loop;
  execute format('create function %s() returns trigger language plpgsql as %L', v_function,
    'begin ' || v_body || ' return null; end');
  foreach v_event slice 1 in array array[
    ['insert', 'referencing new table as new_rows'],
    ['update', 'referencing old table as old_rows new table as new_rows'],
    ['delete', 'referencing old table as old_rows']]
  loop
    execute format('create trigger count_%1$s after %1$s on %s %s for each statement execute function %s()',
      v_event[1], p_table, v_event[2], v_function);
  end loop;
  insert into core.counted_tables (name, counts) values (v_name, p_counts);
  execute format('insert into core.counter_deltas (business_id, name, dimension, count, total)
    select c.business_id, c.name, c.dimension, count(*), sum(c.total) from %s r cross join lateral %s(r) c group by 1, 2, 3',
    p_table, p_counts);
end $$;

-- Moves up to p_max deltas into the counters and returns how many; one folder at a time, another returns 0. Readers see
-- the same sums before and after. A counter that comes to nothing goes.
create function core.fold_counters(p_max int) returns int language plpgsql as $$
declare
  v_folded bigint[];
begin
  if not pg_try_advisory_xact_lock(hashtextextended('core.fold_counters', 0)) then return 0; end if;
  v_folded := array(select d.id from core.counter_deltas d order by d.id limit p_max);
  if cardinality(v_folded) = 0 then return 0; end if;
  merge into core.counters c
  using (
    select d.business_id, d.name, d.dimension, sum(d.count)::bigint as count, sum(d.total) as total
    from core.counter_deltas d where d.id = any(v_folded) group by d.business_id, d.name, d.dimension) d
  on c.business_id = d.business_id and c.name = d.name and c.dimension = d.dimension
  when matched and c.count + d.count = 0 and c.total + d.total = 0 then delete
  when matched then update set count = c.count + d.count, total = c.total + d.total
  when not matched and (d.count <> 0 or d.total <> 0) then
    insert (business_id, name, dimension, count, total) values (d.business_id, d.name, d.dimension, d.count, d.total);
  delete from core.counter_deltas d where d.id = any(v_folded);
  return cardinality(v_folded);
end $$;

-- Counters that are not what their rows come to, in one statement and therefore one snapshot. p_business null: of all.
create function core.counter_drift(p_business uuid default null) returns table (business_id uuid, name text,
  dimension text[], counted bigint, counted_total numeric, kept bigint, kept_total numeric) language plpgsql stable as $$
declare
  v_rows text := (
    select string_agg(format('select c.* from %s r cross join lateral %s(r) c where $1 is null or r.business_id = $1',
      t.name, t.counts), ' union all ' order by t.name) from core.counted_tables t);
begin
  if v_rows is null then return; end if;
  return query execute format($sql$
    with counted as materialized (
      select x.business_id, x.name, x.dimension, count(*) as count, sum(x.total) as total from (%s) x group by 1, 2, 3),
    kept as materialized (select v.* from core.counter_values v where $1 is null or v.business_id = $1)
    select business_id, name, dimension, coalesce(c.count, 0), coalesce(c.total, 0), coalesce(k.count, 0),
      coalesce(k.total, 0)
    from counted c full join kept k using (business_id, name, dimension)
    where coalesce(c.count, 0) <> coalesce(k.count, 0) or coalesce(c.total, 0) <> coalesce(k.total, 0)$sql$, v_rows)
  using p_business;
end $$;

-- Writes the drift as deltas and returns how many. Rows commit with their deltas and the drift comes from one snapshot, so
-- that writers go on beside it and nothing is counted twice; the lock keeps two repairs from doing the same.
create function core.rebuild_counters(p_business uuid default null) returns int language plpgsql as $$
declare
  v_repaired int;
begin
  perform pg_advisory_xact_lock(hashtextextended('core.rebuild_counters', 0));
  insert into core.counter_deltas (business_id, name, dimension, count, total)
  select d.business_id, d.name, d.dimension, d.counted - d.kept, d.counted_total - d.kept_total
  from core.counter_drift(p_business) d;
  get diagnostics v_repaired = row_count;
  return v_repaired;
end $$;

-- Transfers of an hour in UTC, by kind, status and currency: "2026-11-20T08", so that hours are in their order.
create function bank.transfer_counts(t bank.transfers)
returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as $$
  select t.business_id, 'bank.transfers',
    array[to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24'), t.kind::text, t.status::text, t.currency::text],
    t.amount::numeric
$$;
select core.keep_counters('bank.transfers', 'bank.transfer_counts');
