-- The board of a page of machines in use, by code: what each runs and what waits for it, its load against a week of its
-- capacity, and its time of the last days, clipped to them and up to now. The same cost however many jobs there were, and
-- however much waits.
-- $1 business_id: the tenant
-- $2 days: how many times 24 hours, up to now
-- $3 after (nullable): the last_key of the page before, or null for the first page
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: machines_code_uq, counters_pk, counter_deltas_ix, open_steps_due_ix, tl_machine_ix
with page as materialized (
  select m.* from shop.machines m
  where m.business_id = $1::uuid and m.is_active and ($3::text is null or m.code > $3::text::jsonb ->> 0)
  order by m.code limit $4::int + 1),
shown as (select * from page order by code limit $4::int)
select coalesce((select json_agg(json_build_object('id', m.id, 'code', m.code, 'name', m.name, 'status', m.status,
    'capacity', m.capacity, 'busy', q.running >= m.capacity,
    'queue', json_build_object('running', q.running, 'ready', q.ready, 'pending', q.pending, 'late', q.late),
    'load_hours', round(q.minutes / 60.0, 1),
    'load_pct', round(100.0 * q.minutes / nullif(m.weekly_minutes * m.capacity, 0), 1),
    'productive_hours', round(t.run / 60, 2), 'blocked_hours', round(l.lost / 60, 2),
    'oee', round(100 * t.run / nullif(t.run + l.lost, 0), 2)) order by m.code)
  from shown m
  cross join lateral shop.machine_queue(m.business_id, m.id) q
  cross join lateral shop.machine_time(m.business_id, m.id, now() - make_interval(hours => 24 * $2::int), now()) t
  cross join lateral (select t.performance_loss + t.quality_loss + t.availability_loss as lost) l), '[]')::text as data,
  (select count(*) > $4::int from page) as has_more,
  (select json_build_array(max(code))::text from shown) as last_key;
