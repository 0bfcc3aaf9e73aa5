-- One page of the time logged for a step, newest first. No row: there is no such step.
-- $1 business_id: the tenant
-- $2 step_id: the step
-- $3 role (nullable): of who reads, who has to be allowed to view its process; null for staff
-- $4 after (nullable): the last_key of the page before, or null for the first page
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: job_steps_pk, tl_step_ix, machines_pk, memberships_pk, users_pkey
with step as materialized (
  select s.id, $3::core.member_role is null or shop.may(s.business_id, $3::core.member_role, s.process_id, 'view') as may_view
  from shop.job_steps s where s.business_id = $1::uuid and s.id = $2::uuid
),
page as materialized (
  select * from shop.time_logs l
  where l.business_id = $1::uuid and l.step_id = $2::uuid
    and ($4::text is null
      or (l.started_at, l.id) < (($4::text::jsonb ->> 0)::timestamptz, ($4::text::jsonb ->> 1)::uuid))
  order by l.started_at desc, l.id desc
  limit $5::int + 1
),
shown as (select * from page order by started_at desc, id desc limit $5::int)
select
  (select coalesce(json_agg(json_build_object(
      'id', l.id, 'kind', l.kind, 'reason', l.reason, 'started_at', core.iso(l.started_at), 'ended_at', core.iso(l.ended_at),
      'minutes', round(extract(epoch from l.ended_at - l.started_at) / 60, 2),
      'operator_id', l.operator_id, 'operator_name', u.full_name, 'machine_id', l.machine_id, 'machine', m.code
    ) order by l.started_at desc, l.id desc), '[]')
    from shown l
    left join shop.machines m on m.business_id = l.business_id and m.id = l.machine_id
    left join core.memberships b on b.business_id = l.business_id and b.id = l.operator_id
    left join core.users u on u.id = b.user_id)::text as data,
  (select count(*) > $5::int from page) as has_more,
  (select json_build_array(to_char(l.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), l.id)::text
    from shown l order by l.started_at, l.id limit 1) as last_key,
  step.may_view
from step;
