const trail_days = 30;

/**
 * The audit trail of what people of a business did in its shop in the last month, as its triggers would have written it: jobs
 * that came in, were begun and completed, steps that were begun, stopped and completed, reports and notes. Of no request, as there was
 * none. For the transaction that has inserted the rows.
 */
export const trailStatement = (business_id: string): string => `
  with business as (select '${business_id}'::uuid as id),
  job as (select j.* from business b join shop.jobs j on j.business_id = b.id),
  step as (
    select s.*, w.user_id from business b join shop.job_steps s on s.business_id = b.id
    join core.memberships w on w.business_id = b.id and w.id = s.started_by),
  change (at, actor, action, entity, id, before, after) as (
    select created_at, created_by, 'created', 'job', id, null::jsonb,
      jsonb_build_object('job_number', job_number, 'title', title, 'status', case status when 'draft' then status else 'active' end, 'priority', priority, 'due_on', due_on)
    from job
    union all
    select j.started_at, s.user_id, 'updated', 'job', j.id, '{"status": "active", "started_at": null}',
      jsonb_build_object('status', 'in_progress', 'started_at', j.started_at)
    from job j join lateral (select x.user_id from step x where x.job_id = j.id order by x.started_at limit 1) s on true
    where j.started_at is not null
    union all
    select completed_at, s.user_id, 'updated', 'job', j.id, '{"status": "in_progress", "completed_at": null}',
      jsonb_build_object('status', 'completed', 'completed_at', j.completed_at)
    from job j join lateral (
      select x.user_id from step x where x.job_id = j.id order by x.completed_at desc nulls last limit 1) s on true
    where j.status = 'completed'
    union all
    select started_at, user_id, 'updated', 'job_step', id, '{"status": "ready", "started_at": null}',
      jsonb_build_object('status', 'in_progress', 'started_at', started_at)
    from step
    union all
    select completed_at, user_id, 'updated', 'job_step', id, '{"status": "in_progress", "completed_at": null}',
      jsonb_build_object('status', 'completed', 'completed_at', completed_at)
    from step where status = 'completed'
    union all
    select greatest(updated_at, started_at), user_id, 'updated', 'job_step', id, '{"status": "in_progress", "block_reason": null}',
      jsonb_build_object('status', status, 'block_reason', block_reason)
    from step where status in ('paused', 'blocked')
    union all
    select r.created_at, r.created_by, 'created', 'production_report', r.id, null,
      jsonb_build_object('step_id', r.step_id, 'qty_good', r.qty_good, 'qty_scrap', r.qty_scrap)
    from business b join shop.production_reports r on r.business_id = b.id
    union all
    select n.created_at, n.created_by, 'created', 'step_note', n.id, null, jsonb_build_object('step_id', n.step_id, 'note', n.note)
    from business b join shop.step_notes n on n.business_id = b.id)
  insert into core.audit_log (at, business_id, actor_user_id, action, entity_type, entity_id, before, after)
  select c.at, b.id, c.actor, c.entity || '.' || c.action, c.entity, c.id, c.before, c.after
  from change c cross join business b
  where c.at > (select max(updated_at) from job) - interval '${trail_days} days'
  order by c.at, c.before is not null, c.after ->> 'status' desc`;
