-- One step, and whether a role may see it. No row: the business has no such step.
-- $1 business_id: the tenant
-- $2 role (nullable): of who asks; null for staff, who may see all
-- $3 step_id: which one
-- index: job_steps_pk, processes_pk, machines_pk, memberships_pk, users_pkey, step_dependencies_pk, tl_step_ix
select $2::core.member_role is null or shop.may(s.business_id, $2, s.process_id, 'view') as may_view,
       shop.step_body(s)::text as body, s.version
from shop.job_steps s
where s.business_id = $1::uuid and s.id = $3::uuid;
