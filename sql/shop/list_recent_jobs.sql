-- The jobs entered last, newest first, as the whole answer: the list envelope without further pages.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business; decides "overdue"
-- $3 limit_rows: how many jobs
-- index: jobs_page_ix, customers_pk
with recent as materialized (
  select * from shop.jobs where business_id = $1::uuid order by created_at desc, id desc limit $3::int
)
select json_build_object(
  'data', coalesce(json_agg(json_build_object(
    'id', j.id, 'job_number', j.job_number, 'title', j.title, 'status', j.status, 'priority', j.priority,
    'due_on', j.due_on,
    'overdue', coalesce(j.due_on < (now() at time zone $2::text)::date, false)
      and j.status in ('active', 'in_progress', 'on_hold'),
    'customer_id', j.customer_id, 'customer_name', k.name, 'steps_done', j.steps_done, 'steps_total', j.steps_total,
    'created_at', core.iso(j.created_at)
  ) order by j.created_at desc, j.id desc), '[]'),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from recent j
-- one by one, however many the plan expects: it is made before the limit is known
left join lateral (
  select c.name from core.customers c where c.business_id = j.business_id and c.id = j.customer_id limit 1) k on true;
