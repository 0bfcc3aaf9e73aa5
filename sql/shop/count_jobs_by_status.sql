-- Jobs of each status, every status in its order and zeros too, as the whole answer: the list envelope. From counters: it
-- costs the same however many jobs there are.
-- $1 business_id: the tenant
-- index: counters_pk, counter_deltas_ix
select json_build_object(
  'data', json_agg(json_build_object('status', e.status, 'count', coalesce(c.count, 0)) order by e.status),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from unnest(enum_range(null::shop.job_status)) as e (status)
left join (
  select v.dimension[1] as status, v.count from core.counter_values v
  where v.business_id = $1::uuid and v.name = 'shop.jobs'
) c on c.status = e.status::text;
