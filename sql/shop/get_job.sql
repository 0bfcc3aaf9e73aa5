-- One job with the steps that a role may view, in order; no row when the business has no such job. Quantities are numbers,
-- worked_minutes is the sum of the step's logs up to now.
-- $1 business_id: the tenant
-- $2 role (nullable): whose view of the steps; null sees all
-- $3 job_id: the job
-- index: jobs_pk, customers_pk, steps_job_ix, step_dependencies_pk, tl_step_ix
select shop.job_body(j, coalesce($2::core.member_role, 'owner'))::text as body, j.version
from shop.jobs j where j.business_id = $1::uuid and j.id = $3::uuid;
