-- What happened last in the shop, newest first, as the whole answer: the list envelope without further pages. Changes of
-- customers and of the shop alone: who sees it may not read of bank, savings, ledger or logins.
-- $1 business_id: the tenant
-- $2 limit_rows: how many changes
-- index: audit_log_shop_ix
with latest as materialized (
  select a.id, a.at, a.action, a.entity_type, a.entity_id, a.actor_user_id from core.audit_log a
  where a.business_id = $1::uuid and a.entity_type in
    ('customer', 'process', 'role_process_permission', 'machine', 'machine_process', 'routing', 'routing_step', 'job',
     'job_step', 'step_dependency', 'time_log', 'production_report', 'job_revision', 'step_note')
  order by a.at desc, a.id desc limit $2::int
)
select json_build_object(
  'data', coalesce(json_agg(json_build_object(
    'id', a.id, 'at', core.iso(a.at), 'action', a.action, 'entity_type', a.entity_type, 'entity_id', a.entity_id,
    'actor_user_id', a.actor_user_id, 'actor_name', u.full_name
  ) order by a.at desc, a.id desc), '[]'),
  'meta', json_build_object('next_cursor', null, 'has_more', false)
)::text as body
from latest a left join core.users u on u.id = a.actor_user_id;
