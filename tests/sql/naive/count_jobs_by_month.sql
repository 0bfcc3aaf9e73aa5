-- Jobs created, completed, and completed on time in each of the last months of the business's calendar, the running
-- one included, oldest first, zeros too, as the whole answer: the list envelope. On time: completed on the due date or
-- before it in the business's calendar, or without a due date. Bounds are computed once per month, so that rows are
-- counted from the index by their instants and no row's month is looked up in the zone.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business
-- $3 months: how many months
-- index: jobs_page_ix, jobs_completed_ix
with calendar as (select date_trunc('month', now() at time zone $2::text) as this_month),
months as materialized (
  select
    to_char(first_day, 'YYYY-MM') as month,
    first_day at time zone $2::text as begins_at,
    (first_day + interval '1 month') at time zone $2::text as ends_at
  from calendar
  cross join lateral generate_series(0, $3::int - 1) as back
  cross join lateral (select this_month - make_interval(months => back) as first_day) as day
)
select json_build_object(
  'data', coalesce(json_agg(json_build_object(
    'month', m.month, 'created', c.created, 'completed', d.completed, 'on_time', d.on_time,
    'on_time_pct', round(100.0 * d.on_time / nullif(d.completed, 0), 1)
  ) order by m.month), '[]'),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from months m
cross join lateral (
  select count(*) as created from shop.jobs j
  where j.business_id = $1::uuid and j.created_at >= m.begins_at and j.created_at < m.ends_at
) c
cross join lateral (
  select
    count(*) as completed,
    count(*) filter (where j.due_on is null or (j.completed_at at time zone $2::text)::date <= j.due_on) as on_time
  from shop.jobs j
  where j.business_id = $1::uuid and j.status = 'completed'
    and j.completed_at >= m.begins_at and j.completed_at < m.ends_at
) d;
