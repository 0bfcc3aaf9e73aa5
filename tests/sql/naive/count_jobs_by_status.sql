-- Jobs of each status, every status in its order and zeros too, as the whole answer: the list envelope.
-- Counts from the index alone.
-- $1 business_id: the tenant
-- index: jobs_status_page_ix
with counted as materialized (
  select status, count(*) as jobs from shop.jobs where business_id = $1::uuid group by status
)
select json_build_object(
  'data', json_agg(json_build_object('status', e.status, 'count', coalesce(c.jobs, 0)) order by e.status),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from unnest(enum_range(null::shop.job_status)) as e (status)
left join counted c on c.status = e.status;
