-- What a member finished and worked in the last days. No row: the business has no such member. A step without a due time is
-- on time. Of logs that began before only what is inside counts; none is longer than 24 hours. Percentages are null where
-- nothing was counted.
-- $1 business_id: the tenant
-- $2 member_id: who
-- $3 days: of 24 hours each, up to now
-- index: memberships_pk, steps_performance_ix, tl_operator_ix
with since as (select now() - make_interval(days => $3::int) as at),
done as (
  select count(*) as steps, count(*) filter (where s.due_at is null or s.completed_at <= s.due_at) as on_time,
    coalesce(sum(s.est_minutes), 0) as est_minutes, coalesce(sum(s.qty_good), 0) as good,
    coalesce(sum(s.qty_scrap), 0) as scrap
  from since, shop.job_steps s
  where s.business_id = $1::uuid and s.assigned_to = $2::uuid and s.status = 'completed' and s.completed_at >= since.at
),
worked as (
  select coalesce(sum(extract(epoch from coalesce(l.ended_at, now()) - greatest(l.started_at, since.at))), 0) / 60 as minutes
  from since, shop.time_logs l
  where l.business_id = $1::uuid and l.operator_id = $2::uuid and l.started_at >= since.at - interval '24 hours'
    and coalesce(l.ended_at, now()) > greatest(l.started_at, since.at) and l.kind in ('setup', 'productive')
)
select json_build_object(
  'member_id', m.id, 'days', $3::int, 'steps_completed', done.steps, 'on_time', done.on_time,
  'on_time_pct', round(100.0 * done.on_time / nullif(done.steps, 0), 1),
  'estimated_hours', round(done.est_minutes / 60.0, 2), 'worked_hours', round(worked.minutes / 60, 2),
  'efficiency_pct', round(100.0 * done.est_minutes / nullif(worked.minutes, 0), 1),
  'qty_good', trim_scale(done.good), 'qty_scrap', trim_scale(done.scrap),
  'scrap_pct', round(100.0 * done.scrap / nullif(done.good + done.scrap, 0), 1)
)::text as body
from core.memberships m, done, worked
where m.business_id = $1::uuid and m.id = $2::uuid;
