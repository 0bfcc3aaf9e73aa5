-- What counters, and the tags of what a write makes wrong in the cache, cost those who write. See 0044 for where time goes.

------------------------------------------------------------------------------------------------------------- counters
-- The order of deltas says nothing, so that they need no number: a folder finds them again by their place, since nobody else
-- takes any away. Otherwise it is as in 0035.
alter table core.counter_deltas drop column id;

create or replace function core.fold_counters(p_max int) returns int language plpgsql as $$
declare
  v_folded tid[];
begin
  if not pg_try_advisory_xact_lock(hashtextextended('core.fold_counters', 0)) then return 0; end if;
  v_folded := array(select d.ctid from core.counter_deltas d limit p_max);
  if cardinality(v_folded) = 0 then return 0; end if;
  perform set_config('synchronous_commit', 'off', true);
  merge into core.counters c
  using (
    select d.business_id, d.name, d.dimension, sum(d.count)::bigint as count, sum(d.total) as total
    from core.counter_deltas d where d.ctid = any(v_folded) group by d.business_id, d.name, d.dimension) d
  on c.business_id = d.business_id and c.name = d.name and c.dimension = d.dimension
  when matched and c.count + d.count = 0 and c.total + d.total = 0 then delete
  when matched then update set count = c.count + d.count, total = c.total + d.total
  when not matched and (d.count <> 0 or d.total <> 0) then
    insert (business_id, name, dimension, count, total) values (d.business_id, d.name, d.dimension, d.count, d.total);
  delete from core.counter_deltas d where d.ctid = any(v_folded);
  return cardinality(v_folded);
end $$;

-- One counter of a table whose rows change one at a time, as SQL of a row r, and of the time zone of its business, b.timezone:
-- which rows count, and under which word.
create type core.row_counter as (name text, word text, counts text);

create function core.timezone_of(p_business uuid) returns text language plpgsql stable as $$
begin
  return (select b.timezone from core.businesses b where b.id = p_business);
end $$;

-- What writes the deltas of a statement; p_rows: the rows that count, with their sign.
create function core.counting(p_rows text) returns text language sql immutable as $$
  select format('insert into core.counter_deltas (business_id, name, dimension, count, total)
    select x.business_id, x.name, x.dimension, sum(x.sign), sum(x.sign * x.total) from (%s) x
    group by x.business_id, x.name, x.dimension having sum(x.sign) <> 0 or sum(x.sign * x.total) <> 0;', p_rows)
$$;

-- What writes the deltas of one row that has changed. A counter is looked at when a column changes that it names.
create function core.row_counting(p_counters core.row_counter[]) returns text language sql stable as $$
  with counter as (
    select k.n, k.name, format('case when %s then %s end', k.counts, k.word) as word,
      (select string_agg(distinct m.words[1], ', ') from regexp_matches(k.word || ' ' || k.counts, '\m(r\.\w+)', 'g') m (words)) as columns
    from unnest(p_counters) with ordinality k (name, word, counts, n)),
  side as (
    select c.n, c.name, s.side, x.columns, x.word
    from counter c cross join (values ('old.'), ('new.')) s (side)
    cross join lateral (select regexp_replace(c.columns, '\mr\.', s.side, 'g') as columns, regexp_replace(
      replace(c.word, 'b.timezone', 'core.timezone_of(r.business_id)'), '\mr\.', s.side, 'g') as word) x)
  select string_agg(format(e'if row(%s) is distinct from row(%s) and (%s) is distinct from (%s) then
      v_deltas := v_deltas || array[row(old.business_id, %5$L, array[%3$s], -1, 0), row(new.business_id, %5$L, array[%4$s], 1, 0)]
        ::core.counter_deltas[];
    end if;', o.columns, n.columns, o.word, n.word, o.name), e'\n' order by o.n)
    || e'\nif v_deltas is not null then
      insert into core.counter_deltas select d.* from unnest(v_deltas) d where d.dimension[1] is not null;
    end if;'
  from side o join side n on n.n = o.n and n.side = 'new.' where o.side = 'old.'
$$;

-- The triggers of core.keep_counters, which are statements planned once: the function of the row is inlined into them where it
-- is one SELECT in language sql, and stable. Executed text would be parsed at every statement.
create function core.write_counters(p_table regclass, p_counts text, p_by_row core.row_counter[]) returns void
language plpgsql as $$
declare
  v_schema text; v_table text; v_function text; v_event text[];
  v_new text := format('select c.*, 1 as sign from new_rows r cross join lateral %s(row(r.*)::%s) c', p_counts, p_table);
  v_old text := format('select c.*, -1 as sign from old_rows r cross join lateral %s(row(r.*)::%s) c', p_counts, p_table);
begin
  select n.nspname, c.relname into v_schema, v_table
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = p_table;
  v_function := format('%I.%I', v_schema, 'count_' || v_table);
  if p_by_row is not null then
    execute format('create or replace function %s(r %s)
      returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as %L', p_counts, p_table,
      format('select r.business_id, x.name, array[x.word], 0::numeric
        from core.businesses b cross join lateral (values %s) x (name, word, counts)
        where b.id = r.business_id and x.counts',
        (select string_agg(format('(%L, %s, %s)', k.name, k.word, k.counts), ', ' order by k.n)
         from unnest(p_by_row) with ordinality k (name, word, counts, n))));
  end if;
  execute format('create or replace function %s() returns trigger language plpgsql as %L', v_function, concat_ws(e'\n',
    'declare v_deltas core.counter_deltas[];',
    'begin',
    'if tg_op = ''INSERT'' then', core.counting(v_new),
    'elsif tg_op = ''DELETE'' then', core.counting(v_old),
    'else', coalesce(core.row_counting(p_by_row), core.counting(v_new || ' union all ' || v_old)),
    'end if;',
    'return null;',
    'end'));
  foreach v_event slice 1 in array array[
    ['insert', 'referencing new table as new_rows for each statement'],
    ['update', case when p_by_row is null then 'referencing old table as old_rows new table as new_rows for each statement'
      else 'for each row' end],
    ['delete', 'referencing old table as old_rows for each statement']]
  loop
    execute format('create trigger count_%1$s after %1$s on %s %s execute function %s()', v_event[1], p_table, v_event[2],
      v_function);
  end loop;
end $$;

-- Makes changes of a table known to its counters, and counts what it holds. Called once per table. p_counts names a
-- function that says where ONE row counts: (row) → table (business_id uuid, name text, dimension text[], total numeric).
-- New rows are added and old ones subtracted, per statement; imports (app.import = on) count like everything else.
-- Where rows change one at a time, the counters are given as p_by_row: the function is written from them, and so is what an
-- update does, in expressions of its row.
drop function core.keep_counters(regclass, text);
create function core.keep_counters(p_table regclass, p_counts text, p_by_row core.row_counter[] default null) returns void
language plpgsql as $$
begin
  perform core.write_counters(p_table, p_counts, p_by_row);
  insert into core.counted_tables (name, counts)
  select c.relnamespace::regnamespace || '.' || c.relname, p_counts from pg_class c where c.oid = p_table;
  execute format('insert into core.counter_deltas (business_id, name, dimension, count, total)
    select c.business_id, c.name, c.dimension, count(*), sum(c.total) from %s r cross join lateral %s(r) c group by 1, 2, 3',
    p_table, p_counts);
end $$;

-- The figures of the shop, as in 0042.
do $$
declare
  v_open text := $s$r.status in ('active', 'in_progress', 'on_hold')$s$;
  v_month text := $s$to_char(r.completed_at at time zone b.timezone, 'YYYY-MM')$s$;
  v_table text;
begin
  foreach v_table in array array['shop.jobs', 'shop.job_steps'] loop
    execute format('drop trigger count_insert on %s', v_table);
    execute format('drop trigger count_update on %s', v_table);
    execute format('drop trigger count_delete on %s', v_table);
  end loop;
  drop function shop.job_counts(shop.jobs);
  drop function shop.step_counts(shop.job_steps);
  perform core.write_counters('shop.jobs', 'shop.job_counts', array[
    ('shop.jobs', 'r.status::text', 'true'),
    ('shop.jobs_due', 'r.due_on::text', 'r.due_on is not null and ' || v_open),
    ('shop.jobs_urgent', $s$'open'$s$, $s$r.priority = 'urgent' and $s$ || v_open),
    ('shop.jobs_created', $s$to_char(r.created_at at time zone b.timezone, 'YYYY-MM')$s$, 'true'),
    ('shop.jobs_completed', v_month, $s$r.status = 'completed'$s$),
    ('shop.jobs_on_time', v_month, $s$r.status = 'completed'
      and (r.due_on is null or (r.completed_at at time zone b.timezone)::date <= r.due_on)$s$)]::core.row_counter[]);
  perform core.write_counters('shop.job_steps', 'shop.step_counts',
    array[('shop.steps', 'r.status::text', 'true')]::core.row_counter[]);
end $$;

---------------------------------------------------------------------------------------------------------- invalidation
-- As in 0006 and 0007, with plans that are kept.
create or replace function core.invalidate(tags text[]) returns bigint language plpgsql as $$
declare
  v_id bigint;
begin
  if cardinality(tags) > 0 then
    insert into core.cache_outbox (tags) values (invalidate.tags) returning id into v_id;
  end if;
  return v_id;
end $$;

create or replace function core.record_invalidation(p_invalidation jsonb) returns void language plpgsql as $$
begin
  if jsonb_typeof(p_invalidation) = 'object' and jsonb_array_length(p_invalidation -> 'tags') > 0 then
    insert into core.cache_outbox (id, tags)
    values ((p_invalidation ->> 'outbox_id')::bigint, array(select jsonb_array_elements_text(p_invalidation -> 'tags')));
  end if;
end $$;
