-- A page of what happened to a job, newest first; no row when the business has no such job. Changes come from the audit trail,
-- what is appended from its own table. Of steps, those that a role may view; becoming ready is nobody's doing, and left out.
-- $1 business_id: the tenant
-- $2 role (nullable): whose view of the steps; null sees all
-- $3 job_id: the job
-- $4 after (nullable): keyset of the last event seen: at and id, as a JSON array
-- $5 limit_rows: events a page
-- nullable: last_key
-- index: jobs_pk, steps_job_ix, audit_log_entity_ix, job_revisions_pk, prod_step_ix, notes_step_ix, files_ref_ix
with job as materialized (select j.* from shop.jobs j where j.business_id = $1::uuid and j.id = $3::uuid),
last as materialized (
  select coalesce(($4::text::jsonb ->> 0)::timestamptz, 'infinity') as at, coalesce($4::jsonb ->> 1, '') collate "C" as id),
step as materialized (
  select s.id, p.name as process from job j
  join shop.job_steps s on s.business_id = j.business_id and s.job_id = j.id
  join shop.processes p on p.business_id = s.business_id and p.id = s.process_id
  where shop.may(s.business_id, coalesce($2::core.member_role, 'owner'), s.process_id, 'view')),
-- each source is read no further than the page needs
event (at, id, type, actor_user_id, step_id, process, detail) as (
  select j.created_at, 'a' || j.id, 'job_created', j.created_by, null::uuid, null::text, '{}'::jsonb from job j
  union all
  select a.at, a.event_id, case when a.after ? 'status' then 'job_moved' else 'job_changed' end, a.actor_user_id, null, null,
    case when a.after ? 'status'
      then jsonb_build_object('from', a.before -> 'status', 'to', a.after -> 'status', 'reason', coalesce(
        -- one that was on hold loses the reason of that
        a.after ->> 'hold_reason', a.after ->> 'cancel_reason', a.after ->> 'reopen_reason'))
      else jsonb_build_object('changes', (
        select jsonb_object_agg(c.key, jsonb_build_object('from', a.before -> c.key, 'to', c.value))
        from jsonb_each(a.after) c)) end
  from job j, last, lateral (
    select x.*, 'm' || lpad(x.id::text, 19, '0') as event_id from core.audit_log x
    where x.business_id = j.business_id and x.entity_type = 'job' and x.entity_id = j.id and x.at >= j.created_at
      and x.at <= last.at and x.action = 'job.updated'
      and (x.at, 'm' || lpad(x.id::text, 19, '0') collate "C") < (last.at, last.id)
      and (x.after ? 'status' or not x.after ?| '{revision_no,steps_total,steps_done}')
    order by x.at desc, x.id desc limit $5::int + 1) a
  union all
  select a.at, a.event_id, 'step_moved', a.actor_user_id, s.id, s.process, jsonb_build_object(
    'from', a.before -> 'status', 'to', a.after -> 'status', 'reason', a.after -> 'block_reason')
  from job j, last, step s, lateral (
    select x.*, 'm' || lpad(x.id::text, 19, '0') as event_id from core.audit_log x
    where x.business_id = j.business_id and x.entity_type = 'job_step' and x.entity_id = s.id and x.at >= j.created_at
      and x.at <= last.at and x.action = 'job_step.updated'
      and (x.at, 'm' || lpad(x.id::text, 19, '0') collate "C") < (last.at, last.id)
      and x.after ? 'status' and not (x.before ->> 'status' in ('pending', 'ready') and x.after ->> 'status' in ('pending', 'ready'))
    order by x.at desc, x.id desc limit $5 + 1) a
  union all
  select r.created_at, 'r' || lpad(r.revision_no::text, 10, '0'), 'job_revised', r.created_by, null, null,
    jsonb_build_object('revision_no', r.revision_no, 'reason', r.reason, 'changes', r.changes)
  from shop.job_revisions r where r.business_id = $1 and r.job_id = $3
  union all
  select q.created_at, 'p' || q.id, 'production_reported', q.created_by, s.id, s.process, jsonb_build_object(
    'qty_good', trim_scale(q.qty_good), 'qty_scrap', trim_scale(q.qty_scrap), 'reason', q.reason)
  from last, step s, lateral (
    select x.* from shop.production_reports x where x.business_id = $1 and x.step_id = s.id and x.created_at <= last.at
    order by x.created_at desc limit $5 + 1) q
  union all
  select n.created_at, 'n' || n.id, 'note_added', n.created_by, s.id, s.process, jsonb_build_object('note', n.note)
  from last, step s, lateral (
    select x.* from shop.step_notes x where x.business_id = $1 and x.step_id = s.id and x.created_at <= last.at
    order by x.created_at desc limit $5 + 1) n
  union all
  select f.created_at, 'f' || f.id, 'file_added', f.owner_user_id, null, null, jsonb_build_object('filename', f.filename)
  from core.files f where f.business_id = $1 and f.ref_type = 'shop.job' and f.ref_id = $3 and f.deleted_at is null),
page as materialized (
  select e.* from event e, last where (e.at, e.id collate "C") < (last.at, last.id)
  order by e.at desc, e.id collate "C" desc limit $5 + 1),
numbered as (select *, row_number() over (order by at desc, id collate "C" desc) as position from page),
shown as (select * from numbered where position <= $5)
select coalesce((
    select json_agg(json_build_object('id', e.id, 'at', core.iso(e.at), 'type', e.type, 'actor_user_id', e.actor_user_id,
      'actor_name', u.full_name, 'step_id', e.step_id, 'process', e.process, 'from', e.detail -> 'from', 'to', e.detail -> 'to',
      'reason', e.detail -> 'reason', 'changes', e.detail -> 'changes', 'revision_no', e.detail -> 'revision_no',
      'qty_good', e.detail -> 'qty_good', 'qty_scrap', e.detail -> 'qty_scrap', 'note', e.detail -> 'note',
      'filename', e.detail -> 'filename') order by e.position)
    from shown e left join core.users u on u.id = e.actor_user_id), '[]')::text as data,
  (select count(*) > $5 from numbered) as has_more,
  (select json_build_array(at::text, id)::text from shown order by position desc limit 1) as last_key
from job;
