-- How a machine did on days of the business's calendar, and how much waits for it. Logs are clipped to the days, and what runs
-- counts up to now. Performance is of steps that were completed on these days, on which it also ran, and that have an estimate:
-- estimated ÷ worked. No row: the machine is not there.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business
-- $3 machine_id: which machine
-- $4 from: first day
-- $5 to: last day
-- index: machines_pk, tl_machine_ix, tl_step_ix, job_steps_pk, counters_pk, counter_deltas_ix
with days as materialized (
  select $4::text::date::timestamp at time zone $2::text as begins_at,
    ($5::text::date + 1)::timestamp at time zone $2::text as ends_at),
ran as (
  select distinct l.step_id from days d join shop.time_logs l on l.business_id = $1::uuid and l.machine_id = $3::uuid
    and l.started_at >= d.begins_at - interval '48 hours' and l.started_at < d.ends_at
    and coalesce(l.ended_at, now()) > d.begins_at and l.kind in ('setup', 'productive')),
done as (
  select count(*) as steps, coalesce(sum(s.est_minutes), 0) as estimated,
    coalesce(sum(w.minutes) filter (where s.est_minutes is not null), 0) as worked
  from days d cross join ran
  join shop.job_steps s on s.business_id = $1::uuid and s.id = ran.step_id and s.status = 'completed'
    and s.completed_at >= d.begins_at and s.completed_at < d.ends_at
  cross join lateral (
    select coalesce(sum(extract(epoch from coalesce(l.ended_at, now()) - l.started_at)), 0) / 60 as minutes
    from shop.time_logs l
    where l.business_id = s.business_id and l.step_id = s.id and l.kind in ('setup', 'productive')) w)
select json_build_object('machine_id', m.id, 'from', $4::text, 'to', $5::text,
    'productive_hours', round(t.run / 60, 2), 'performance_loss_hours', round(t.performance_loss / 60, 2),
    'quality_loss_hours', round(t.quality_loss / 60, 2), 'availability_loss_hours', round(t.availability_loss / 60, 2),
    'oee', round(100 * t.run / nullif(t.run + t.performance_loss + t.quality_loss + t.availability_loss, 0), 2),
    'steps_completed', done.steps, 'estimated_hours', round(done.estimated / 60.0, 2),
    'worked_hours', round(done.worked / 60, 2), 'performance_pct', round(100 * done.estimated / nullif(done.worked, 0), 1),
    'load_hours', round(q.minutes / 60.0, 1),
    'load_pct', round(100.0 * q.minutes / nullif(m.weekly_minutes * m.capacity, 0), 1))::text as body
from shop.machines m cross join days d cross join done
cross join lateral shop.machine_time(m.business_id, m.id, d.begins_at, d.ends_at) t
cross join lateral shop.machine_queue(m.business_id, m.id) q
where m.business_id = $1::uuid and m.id = $3::uuid;
