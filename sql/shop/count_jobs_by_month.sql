-- Jobs created, completed, and completed on time in each of the last months of the business's calendar, the running one
-- included, oldest first, zeros too, as the whole answer: the list envelope. On time: completed on the due date or before it
-- in the business's calendar, or without a due date. From counters: it costs the same however many jobs there are.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business; decides which month this is
-- $3 months: how many months
-- index: counters_pk, counter_deltas_ix
with months as materialized (
  select to_char(date_trunc('month', now() at time zone $2::text) - make_interval(months => back), 'YYYY-MM') as month
  from generate_series(0, $3::int - 1) as back
),
counted as materialized (
  select v.name, v.dimension[1] as month, v.count from core.counter_values v
  where v.business_id = $1::uuid and v.name in ('shop.jobs_created', 'shop.jobs_completed', 'shop.jobs_on_time')
    and v.dimension >= array[(select min(m.month) from months m)]
),
figures as (
  select m.month,
    coalesce(sum(c.count) filter (where c.name = 'shop.jobs_created'), 0) as created,
    coalesce(sum(c.count) filter (where c.name = 'shop.jobs_completed'), 0) as completed,
    coalesce(sum(c.count) filter (where c.name = 'shop.jobs_on_time'), 0) as on_time
  from months m left join counted c on c.month = m.month
  group by m.month
)
select json_build_object(
  'data', coalesce(json_agg(json_build_object(
    'month', f.month, 'created', f.created, 'completed', f.completed, 'on_time', f.on_time,
    'on_time_pct', round(100 * f.on_time / nullif(f.completed, 0), 1)
  ) order by f.month), '[]'),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from figures f;
