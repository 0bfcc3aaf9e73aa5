-- no-transaction
-- Every index that a frequent query needs and no constraint gives: lists, searches, queues, dashboards. Built beside
-- running writes; a build that failed leaves an invalid index, which the next run of the migration drops and builds
-- again. 0004_performance_indexes.rollback.sql takes them back. Each begins with business_id, but memberships_user_ix
-- (see 0001). Those of the audit trail are in 0002: a partitioned table takes no concurrent build.

-- members of a person at login; counts of members by role; the list of members
create index concurrently if not exists memberships_user_ix on core.memberships (user_id)
  include (business_id, id, role, status) where status in ('active', 'invited');
create index concurrently if not exists memberships_business_ix on core.memberships (business_id, role)
  where status = 'active';
create index concurrently if not exists memberships_page_ix on core.memberships
  (business_id, created_at desc, id desc);

-- customers: newest first, the few archived ones, by name, by a part of the name, by the beginning of the phone number
create index concurrently if not exists customers_page_ix on core.customers (business_id, created_at desc, id desc);
create index concurrently if not exists customers_archived_ix on core.customers (business_id, created_at desc, id desc)
  where not is_active;
create index concurrently if not exists customers_name_ix on core.customers (business_id, name, id);
create index concurrently if not exists customers_name_trgm on core.customers using gin
  (business_id, name gin_trgm_ops);
create index concurrently if not exists customers_phone_ix on core.customers (business_id, phone text_pattern_ops)
  where phone is not null;

-- units that nobody refers to may go
create index concurrently if not exists memberships_unit_ix on core.memberships (business_id, unit_id)
  where unit_id is not null;
create index concurrently if not exists customers_unit_ix on core.customers (business_id, unit_id)
  where unit_id is not null;

-- notifications of a person, and how many are unread; files of a record
create index concurrently if not exists notifications_page_ix on core.notifications
  (business_id, user_id, created_at desc, id desc);
create index concurrently if not exists notifications_unread_ix on core.notifications (business_id, user_id)
  where read_at is null;
create index concurrently if not exists files_ref_ix on core.files (business_id, ref_type, ref_id)
  where deleted_at is null;

-- jobs: the list in each order, by status, by customer. Pages are read in both directions. jobs_number_uq serves the
-- order by number and the search by its beginning. jobs_page_ix and jobs_status_page_ix also count months and statuses
create index concurrently if not exists jobs_page_ix on shop.jobs (business_id, created_at desc, id desc);
create index concurrently if not exists jobs_status_page_ix on shop.jobs
  (business_id, status, created_at desc, id desc);
create index concurrently if not exists jobs_customer_ix on shop.jobs
  (business_id, customer_id, created_at desc, id desc);
create index concurrently if not exists jobs_title_trgm on shop.jobs using gin (business_id, title gin_trgm_ops);

-- jobs without a due date come after all others; open ones alone for "overdue" and for the figures on the wall
create index concurrently if not exists jobs_due_page_ix on shop.jobs
  (business_id, (coalesce(due_on, 'infinity'::date)), id);
create index concurrently if not exists jobs_due_ix on shop.jobs
  (business_id, (coalesce(due_on, 'infinity'::date)), id) include (due_on, status, priority)
  where status in ('active', 'in_progress', 'on_hold');

-- jobs completed by month, on time or late
create index concurrently if not exists jobs_completed_ix on shop.jobs (business_id, completed_at) include (due_on)
  where status = 'completed';

-- steps of a job; jobs of a member or of a machine
create index concurrently if not exists steps_job_ix on shop.job_steps (business_id, job_id, position)
  include (status, assigned_to, machine_id);
create index concurrently if not exists steps_assignee_job_ix on shop.job_steps (business_id, assigned_to, job_id)
  where assigned_to is not null;
create index concurrently if not exists steps_machine_job_ix on shop.job_steps (business_id, machine_id, job_id)
  where machine_id is not null;

-- the queue of an operator (and all open steps by status), what an operator finished, the queue of a machine, what runs
create index concurrently if not exists steps_my_queue_ix on shop.job_steps
  (business_id, assigned_to, status, due_at) where status in ('ready', 'in_progress', 'paused', 'blocked');
create index concurrently if not exists steps_completed_ix on shop.job_steps
  (business_id, assigned_to, completed_at desc) where status = 'completed';
create index concurrently if not exists steps_machine_queue_ix on shop.job_steps
  (business_id, machine_id, status, planned_start)
  where machine_id is not null and status in ('pending', 'ready', 'in_progress', 'paused');
create index concurrently if not exists steps_machine_busy_ix on shop.job_steps (business_id, machine_id)
  where status = 'in_progress';

-- what waits for a step; machines by state, and of a process; permissions of a role
create index concurrently if not exists dep_rev_ix on shop.step_dependencies (business_id, depends_on, step_id);
create index concurrently if not exists mach_status_ix on shop.machines (business_id, status) where is_active;
create index concurrently if not exists mp_process_ix on shop.machine_processes (business_id, process_id, machine_id);
create index concurrently if not exists rpp_page_ix on shop.role_process_permissions (business_id, role);

-- time by machine, operator, step; reports and notes of a step
create index concurrently if not exists tl_machine_ix on shop.time_logs (business_id, machine_id, started_at)
  include (ended_at, kind);
create index concurrently if not exists tl_operator_ix on shop.time_logs (business_id, operator_id, started_at)
  include (ended_at, kind);
create index concurrently if not exists tl_step_ix on shop.time_logs (business_id, step_id, started_at)
  include (ended_at, kind);
create index concurrently if not exists prod_step_ix on shop.production_reports (business_id, step_id, created_at);
create index concurrently if not exists notes_step_ix on shop.step_notes (business_id, step_id, created_at);
