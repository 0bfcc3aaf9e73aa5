-- The job shop: jobs run through steps, each a process done by a member, often on a machine. Jobs and steps change state
-- by single updates with the old state in their where; what must hold in every state is a constraint here.
create schema shop;

create type shop.job_status as enum ('draft', 'active', 'in_progress', 'on_hold', 'completed', 'cancelled');
create type shop.job_priority as enum ('low', 'normal', 'high', 'urgent');
create type shop.step_status as enum
  ('pending', 'ready', 'in_progress', 'paused', 'blocked', 'completed', 'skipped', 'cancelled');
create type shop.machine_status as enum ('active', 'maintenance', 'inactive');
create type shop.time_kind as enum ('setup', 'productive', 'performance_loss', 'quality_loss', 'availability_loss');

create table shop.processes (
  business_id uuid not null constraint processes_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  code text not null constraint processes_code_ck check (length(code) between 1 and 64),
  name text not null constraint processes_name_ck check (length(name) between 1 and 200),
  group_name text,
  is_machine_based boolean not null default false, is_production boolean not null default false,
  default_minutes int constraint processes_default_minutes_ck check (default_minutes >= 0),
  sort int not null default 0,
  is_active boolean not null default true,
  version int not null default 1,
  constraint processes_pk primary key (business_id, id),
  constraint processes_code_uq unique (business_id, code)
);
select core.keep_record('shop.processes');
select core.keep_audit('shop.processes', 'process');

create table shop.role_process_permissions (             -- a process without a row is open to every shop role
  business_id uuid not null,
  id uuid not null default gen_random_uuid(),
  process_id uuid not null, role core.member_role not null,
  can_view boolean not null default true, can_work boolean not null default false,
  can_assign boolean not null default false,
  version int not null default 1,
  constraint role_process_permissions_pk primary key (business_id, id),
  constraint role_process_permissions_process_fk foreign key (business_id, process_id)
    references shop.processes on delete cascade,
  constraint role_process_permissions_uq unique (business_id, process_id, role)
);
select core.keep_record('shop.role_process_permissions');
select core.keep_audit('shop.role_process_permissions', 'role_process_permission');

create table shop.machines (
  business_id uuid not null constraint machines_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  code text not null constraint machines_code_ck check (length(code) between 1 and 64),
  name text not null constraint machines_name_ck check (length(name) between 1 and 200),
  type text, location text,
  status shop.machine_status not null default 'active',
  capacity smallint not null default 1 constraint machines_capacity_ck check (capacity > 0),
  units_per_hour numeric(12, 3) constraint machines_units_per_hour_ck check (units_per_hour > 0),
  rate_per_hour bigint constraint machines_rate_ck check (rate_per_hour >= 0),   -- minor units of the business's currency
  weekly_minutes int not null default 2400 constraint machines_weekly_minutes_ck check (weekly_minutes between 0 and 10080),
  is_active boolean not null default true,
  version int not null default 1,
  constraint machines_pk primary key (business_id, id),
  constraint machines_code_uq unique (business_id, code)
);
select core.keep_record('shop.machines');
select core.keep_audit('shop.machines', 'machine');

create table shop.machine_processes (                    -- what a machine can do
  business_id uuid not null, machine_id uuid not null, process_id uuid not null,
  constraint machine_processes_pk primary key (business_id, machine_id, process_id),
  constraint machine_processes_machine_fk foreign key (business_id, machine_id)
    references shop.machines on delete cascade,
  constraint machine_processes_process_fk foreign key (business_id, process_id)
    references shop.processes on delete cascade
);
select core.keep_audit('shop.machine_processes', 'machine_process', p_id => 'machine_id');

create table shop.routings (                             -- a template: the steps a new job starts with
  business_id uuid not null constraint routings_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  name text not null constraint routings_name_ck check (length(name) between 1 and 200),
  is_active boolean not null default true,
  version int not null default 1,
  constraint routings_pk primary key (business_id, id),
  constraint routings_name_uq unique (business_id, name)
);
select core.keep_record('shop.routings');
select core.keep_audit('shop.routings', 'routing');

create table shop.routing_steps (
  business_id uuid not null, routing_id uuid not null,
  position smallint not null constraint routing_steps_position_ck check (position > 0),
  process_id uuid not null, machine_id uuid,
  est_minutes int constraint routing_steps_est_minutes_ck check (est_minutes >= 0),
  depends_on smallint[] not null default '{}',           -- positions before this one
  instructions text,
  constraint routing_steps_pk primary key (business_id, routing_id, position),
  constraint routing_steps_depends_ck check (position > all (depends_on)),
  constraint routing_steps_routing_fk foreign key (business_id, routing_id) references shop.routings on delete cascade,
  constraint routing_steps_process_fk foreign key (business_id, process_id) references shop.processes,
  constraint routing_steps_machine_fk foreign key (business_id, machine_id) references shop.machines
);
select core.keep_audit('shop.routing_steps', 'routing_step', p_id => 'routing_id');

create table shop.jobs (
  business_id uuid not null constraint jobs_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  -- collate "C": the unique index also serves the search by prefix and the sort by number
  job_number text collate "C" not null constraint jobs_number_ck check (length(job_number) between 1 and 64),
  customer_id uuid,
  title text not null constraint jobs_title_ck check (length(title) between 1 and 200),
  description text,
  status shop.job_status not null default 'draft',
  priority shop.job_priority not null default 'normal',
  due_on date,                                           -- in the business's time zone
  quantity numeric(14, 3) constraint jobs_quantity_ck check (quantity > 0), unit text,
  price bigint constraint jobs_price_ck check (price >= 0), currency char(3)      -- a quotation, minor units
    constraint jobs_currency_fk references core.currencies,
  revision_no int not null default 1 constraint jobs_revision_ck check (revision_no > 0),
  steps_total smallint not null default 0, steps_done smallint not null default 0,
  hold_reason text, status_before_hold shop.job_status,
  started_at timestamptz, completed_at timestamptz,
  version int not null default 1,
  constraint jobs_pk primary key (business_id, id),
  constraint jobs_number_uq unique (business_id, job_number),
  constraint jobs_customer_fk foreign key (business_id, customer_id) references core.customers,
  constraint jobs_price_currency_ck check (price is null or currency is not null),
  constraint jobs_steps_ck check (steps_done between 0 and steps_total),
  constraint jobs_completed_ck check ((status = 'completed') = (completed_at is not null)),
  constraint jobs_hold_ck check ((status = 'on_hold') = (hold_reason is not null)
    and (status = 'on_hold') = (status_before_hold is not null)),
  constraint jobs_before_hold_ck check (status_before_hold in ('active', 'in_progress'))
);
select core.keep_record('shop.jobs');
select core.keep_audit('shop.jobs', 'job');

create table shop.job_steps (
  business_id uuid not null,
  id uuid not null default gen_random_uuid(),
  job_id uuid not null, process_id uuid not null,
  position smallint not null constraint job_steps_position_ck check (position > 0),
  status shop.step_status not null default 'pending',
  status_before_block shop.step_status, block_reason text,
  assigned_to uuid, machine_id uuid,
  planned_start timestamptz, planned_end timestamptz, due_at timestamptz,
  est_minutes int constraint job_steps_est_minutes_ck check (est_minutes >= 0),
  qty_target numeric(14, 3) constraint job_steps_qty_target_ck check (qty_target > 0),
  allowance_bps int not null default 0 constraint job_steps_allowance_ck check (allowance_bps >= 0),
  qty_good numeric(14, 3) not null default 0 constraint job_steps_qty_good_ck check (qty_good >= 0),
  qty_scrap numeric(14, 3) not null default 0 constraint job_steps_qty_scrap_ck check (qty_scrap >= 0),
  started_at timestamptz, started_by uuid, completed_at timestamptz, completed_by uuid,
  instructions text,
  version int not null default 1,
  constraint job_steps_pk primary key (business_id, id),
  constraint job_steps_job_fk foreign key (business_id, job_id) references shop.jobs on delete cascade,
  constraint job_steps_process_fk foreign key (business_id, process_id) references shop.processes,
  constraint job_steps_assigned_fk foreign key (business_id, assigned_to) references core.memberships,
  constraint job_steps_machine_fk foreign key (business_id, machine_id) references shop.machines,
  -- deferred: reordering moves several steps in one statement
  constraint job_steps_position_uq unique (business_id, job_id, position) deferrable initially deferred,
  constraint job_steps_planned_ck check (planned_end is null or planned_end > planned_start),
  constraint job_steps_blocked_ck check ((status = 'blocked') = (block_reason is not null)
    and (status = 'blocked') = (status_before_block is not null)),
  constraint job_steps_completed_ck check ((status = 'completed') = (completed_at is not null)),
  constraint over_production check
    (qty_target is null or (qty_good + qty_scrap) * 10000 <= qty_target * (10000 + allowance_bps))
);
select core.keep_record('shop.job_steps');
select core.keep_audit('shop.job_steps', 'job_step');

create table shop.step_dependencies (                    -- step_id waits for depends_on
  business_id uuid not null, step_id uuid not null, depends_on uuid not null,
  constraint step_dependencies_pk primary key (business_id, step_id, depends_on),
  constraint step_dependencies_step_fk foreign key (business_id, step_id)
    references shop.job_steps on delete cascade,
  constraint step_dependencies_depends_on_fk foreign key (business_id, depends_on)
    references shop.job_steps on delete cascade,
  constraint dependency_cycle check (step_id <> depends_on)
);
select core.keep_audit('shop.step_dependencies', 'step_dependency', p_id => 'step_id');

create table shop.time_logs (
  business_id uuid not null,
  id uuid not null default gen_random_uuid(),
  step_id uuid, machine_id uuid, operator_id uuid,       -- no step: downtime of a machine
  kind shop.time_kind not null default 'productive', reason text,
  started_at timestamptz not null default now(),
  ended_at timestamptz constraint time_logs_ended_ck check (ended_at > started_at),
  exclusive_operator boolean not null default true,      -- false while shop.parallel_work is on
  exclusive_machine boolean not null default true,       -- false where the machine's capacity is above 1
  constraint time_logs_pk primary key (business_id, id),
  constraint time_logs_business_fk foreign key (business_id) references core.businesses,
  constraint time_logs_step_fk foreign key (business_id, step_id) references shop.job_steps,
  constraint time_logs_machine_fk foreign key (business_id, machine_id) references shop.machines,
  constraint time_logs_operator_fk foreign key (business_id, operator_id) references core.memberships,
  constraint time_logs_subject_ck check (num_nonnulls(step_id, machine_id) > 0),
  constraint operator_overlap exclude using gist
    (business_id with =, operator_id with =, tstzrange(started_at, ended_at) with &&)
    where (operator_id is not null and exclusive_operator),
  constraint machine_overlap exclude using gist
    (business_id with =, machine_id with =, tstzrange(started_at, ended_at) with &&)
    where (machine_id is not null and exclusive_machine and kind in ('setup', 'productive'))
);
create unique index time_logs_open_uq on shop.time_logs (business_id, step_id, operator_id) where ended_at is null;
select core.keep_record('shop.time_logs');
select core.keep_audit('shop.time_logs', 'time_log');

create table shop.production_reports (                   -- the step's quantities are their sum
  business_id uuid not null,
  id uuid not null default gen_random_uuid(),
  step_id uuid not null,
  qty_good numeric(14, 3) not null default 0 constraint production_reports_qty_good_ck check (qty_good >= 0),
  qty_scrap numeric(14, 3) not null default 0 constraint production_reports_qty_scrap_ck check (qty_scrap >= 0),
  reason text,
  reported_by uuid,                                      -- a member
  constraint production_reports_pk primary key (business_id, id),
  constraint production_reports_step_fk foreign key (business_id, step_id) references shop.job_steps,
  constraint production_reports_reported_by_fk foreign key (business_id, reported_by) references core.memberships,
  constraint production_reports_quantity_ck check (qty_good + qty_scrap > 0)
);
select core.keep_record('shop.production_reports');
select core.keep_append_only('shop.production_reports');
select core.keep_audit('shop.production_reports', 'production_report');

create table shop.job_revisions (                        -- what changed and why: {"field": {"from", "to"}}
  business_id uuid not null, job_id uuid not null, revision_no int not null,
  reason text not null constraint job_revisions_reason_ck check (length(reason) between 1 and 2000),
  changes jsonb not null constraint job_revisions_changes_ck check (jsonb_typeof(changes) = 'object'),
  constraint job_revisions_pk primary key (business_id, job_id, revision_no),
  constraint job_revisions_job_fk foreign key (business_id, job_id) references shop.jobs on delete cascade
);
select core.keep_record('shop.job_revisions');
select core.keep_append_only('shop.job_revisions');
select core.keep_audit('shop.job_revisions', 'job_revision', p_id => 'job_id');

create table shop.step_notes (
  business_id uuid not null,
  id uuid not null default gen_random_uuid(),
  step_id uuid not null,
  author_id uuid,                                        -- a member
  note text not null constraint step_notes_note_ck check (length(note) between 1 and 4000),
  constraint step_notes_pk primary key (business_id, id),
  constraint step_notes_step_fk foreign key (business_id, step_id) references shop.job_steps on delete cascade,
  constraint step_notes_author_fk foreign key (business_id, author_id) references core.memberships
);
select core.keep_record('shop.step_notes');
select core.keep_append_only('shop.step_notes');
select core.keep_audit('shop.step_notes', 'step_note');
