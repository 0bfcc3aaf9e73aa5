-- no-transaction
-- Takes back 0004_performance_indexes.sql: every answer stays the same, only slower. Frees the disk they use, or clears
-- the way for other ones; migrating again builds them again.
drop index concurrently if exists core.memberships_user_ix;
drop index concurrently if exists core.memberships_business_ix;
drop index concurrently if exists core.memberships_page_ix;
drop index concurrently if exists core.customers_page_ix;
drop index concurrently if exists core.customers_name_ix;
drop index concurrently if exists core.customers_name_trgm;
drop index concurrently if exists core.customers_phone_ix;
drop index concurrently if exists core.notifications_page_ix;
drop index concurrently if exists core.notifications_unread_ix;
drop index concurrently if exists core.files_ref_ix;
drop index concurrently if exists shop.jobs_page_ix;
drop index concurrently if exists shop.jobs_status_page_ix;
drop index concurrently if exists shop.jobs_customer_ix;
drop index concurrently if exists shop.jobs_title_trgm;
drop index concurrently if exists shop.jobs_due_page_ix;
drop index concurrently if exists shop.jobs_due_ix;
drop index concurrently if exists shop.jobs_completed_ix;
drop index concurrently if exists shop.steps_job_ix;
drop index concurrently if exists shop.steps_assignee_job_ix;
drop index concurrently if exists shop.steps_machine_job_ix;
drop index concurrently if exists shop.steps_my_queue_ix;
drop index concurrently if exists shop.steps_completed_ix;
drop index concurrently if exists shop.steps_machine_queue_ix;
drop index concurrently if exists shop.steps_machine_busy_ix;
drop index concurrently if exists shop.dep_rev_ix;
drop index concurrently if exists shop.mach_status_ix;
drop index concurrently if exists shop.mp_process_ix;
drop index concurrently if exists shop.rpp_page_ix;
drop index concurrently if exists shop.tl_machine_ix;
drop index concurrently if exists shop.tl_operator_ix;
drop index concurrently if exists shop.tl_step_ix;
drop index concurrently if exists shop.prod_step_ix;
drop index concurrently if exists shop.notes_step_ix;
