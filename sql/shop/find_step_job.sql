-- The job of a step, which never changes: a write of the step names it in its tags. No row: the business has no such step.
-- $1 business_id: the tenant
-- $2 step_id: which one
-- index: job_steps_pk
select job_id from shop.job_steps where business_id = $1::uuid and id = $2::uuid;
