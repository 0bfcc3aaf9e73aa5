-- A page of the remarks on a step, newest first, and whether a role may see them. No row: the business has no such step.
-- $1 business_id: the tenant
-- $2 role (nullable): of who asks; null for staff, who may see all
-- $3 step_id: which step
-- $4 after (nullable): keyset of the last row seen: created_at and id, as a JSON array
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: job_steps_pk, notes_step_ix
with page as materialized (
  select shop.note_body(n) as body, n.id, n.created_at from shop.step_notes n
  where n.business_id = $1::uuid and n.step_id = $3::uuid
    and ($4::text is null or (n.created_at, n.id) < (($4::jsonb ->> 0)::timestamptz, ($4::jsonb ->> 1)::uuid))
  order by n.created_at desc, n.id desc
  limit $5::int + 1),
numbered as (select *, row_number() over (order by created_at desc, id desc) as position from page),
shown as (select * from numbered where position <= $5)
select $2::core.member_role is null or shop.may(s.business_id, $2, s.process_id, 'view') as may_view,
       coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $5 from numbered) as has_more,
       (select json_build_array(created_at::text, id)::text from shown order by position desc limit 1) as last_key
from shop.job_steps s
where s.business_id = $1::uuid and s.id = $3::uuid;
