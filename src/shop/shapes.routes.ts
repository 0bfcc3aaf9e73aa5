import { t } from "elysia";
import { BusinessDate, Instant, Money, Nullable, Uuid, Version, OneOf } from "../http/schema.ts";
import { jobPriorities, jobStatuses, machineStatuses, stepStatuses, timeKinds } from "../platform/enums.ts";

export const JobStatus = OneOf(jobStatuses);
export const JobPriority = OneOf(jobPriorities);
export const MachineStatus = OneOf(machineStatuses);

export const Reference = t.Object({ id: Uuid, code: t.String(), name: t.String() });
export const Quantity = t.Number({ description: "Up to three decimals" });
export const Count = t.Integer({ minimum: 0 });

const jobSummary = {
  id: Uuid,
  job_number: t.String(),
  title: t.String(),
  status: JobStatus,
  priority: JobPriority,
  due_on: Nullable(BusinessDate),
  overdue: t.Boolean(),
  customer_id: Nullable(Uuid),
  customer_name: Nullable(t.String()),
  steps_total: Count,
  steps_done: Count,
  created_at: Instant,
};

export const RecentJob = t.Object(jobSummary);

export const JobListItem = t.Object({
  ...jobSummary,
  quantity: Nullable(Quantity),
  unit: Nullable(t.String()),
  price: Nullable(Money),
  revision_no: t.Integer(),
  updated_at: Instant,
  version: Version,
});

export const JobStep = t.Object({
  id: Uuid,
  position: t.Integer({ minimum: 1 }),
  status: OneOf(stepStatuses),
  process: Reference,
  machine: Nullable(Reference),
  assigned_to: Nullable(Uuid),
  assigned_name: Nullable(t.String()),
  planned_start: Nullable(Instant),
  planned_end: Nullable(Instant),
  due_at: Nullable(Instant),
  overdue: t.Boolean(),
  est_minutes: Nullable(Count),
  worked_minutes: Count,
  qty_target: Nullable(Quantity),
  allowance_bps: Count,
  qty_good: Quantity,
  qty_scrap: Quantity,
  block_reason: Nullable(t.String()),
  started_at: Nullable(Instant),
  completed_at: Nullable(Instant),
  instructions: Nullable(t.String()),
  depends_on: t.Array(Uuid),
  version: Version,
});

/** A step outside its job. */
export const Step = t.Object({ ...JobStep.properties, job_id: Uuid });

export const Job = t.Object({
  ...jobSummary,
  description: Nullable(t.String()),
  quantity: Nullable(Quantity),
  unit: Nullable(t.String()),
  price: Nullable(Money),
  revision_no: t.Integer(),
  hold_reason: Nullable(t.String()),
  cancel_reason: Nullable(t.String()),
  reopen_reason: Nullable(t.String({ description: "Of the last time" })),
  started_at: Nullable(Instant),
  completed_at: Nullable(Instant),
  created_by: Nullable(Uuid),
  updated_by: Nullable(Uuid),
  updated_at: Instant,
  version: Version,
  steps: t.Array(JobStep),
});

export const Stats = t.Object({
  as_of: Instant,
  today: BusinessDate,
  jobs: t.Object({
    draft: Count,
    active: Count,
    in_progress: Count,
    on_hold: Count,
    completed: Count,
    cancelled: Count,
    total: Count,
    overdue: Count,
    due_soon: Count,
    urgent: Count,
  }),
  steps: t.Object({ ready: Count, in_progress: Count, paused: Count, blocked: Count }),
  my_tasks: Nullable(t.Object({ ready: Count, in_progress: Count, stopped: Count, overdue: Count })),
  machines: t.Object({
    total: Count,
    active: Count,
    maintenance: Count,
    inactive: Count,
    busy: Count,
    available: Count,
  }),
  users: t.Object({ total: Count, operators: Count, managers: Count }),
});

export const StatusCount = t.Object({ status: JobStatus, count: Count });

export const MonthCount = t.Object({
  month: t.String({ pattern: "^\\d{4}-\\d{2}$" }),
  created: Count,
  completed: Count,
  on_time: Count,
  on_time_pct: Nullable(t.Number({ description: "Per cent; null when nothing was completed" })),
});

export const QueuedStep = t.Object({
  id: Uuid,
  status: OneOf(stepStatuses),
  due_at: Nullable(Instant),
  overdue: t.Boolean(),
  est_minutes: Nullable(Count),
  qty_target: Nullable(Quantity),
  qty_good: Quantity,
  qty_scrap: Quantity,
  job_id: Uuid,
  job_number: t.String(),
  title: t.String(),
  priority: JobPriority,
  revision_no: t.Integer(),
  process: t.String({ description: "Name of the process" }),
  machine: Nullable(t.String({ description: "Code of the machine" })),
  version: Version,
});

export const TimeLog = t.Object({
  id: Uuid,
  kind: OneOf(timeKinds),
  reason: Nullable(t.String()),
  started_at: Instant,
  ended_at: Nullable({ ...Instant, description: "Null while it runs" }),
  minutes: Nullable(t.Number({ minimum: 0, description: "Null while it runs" })),
  operator_id: Nullable({ ...Uuid, description: "A member; null for a loss" }),
  operator_name: Nullable(t.String()),
  machine_id: Nullable(Uuid),
  machine: Nullable(t.String({ description: "Code of the machine" })),
});

export const Percentage = (of: string) => Nullable(t.Number({ description: `Per cent; null without ${of}` }));

export const Performance = t.Object({
  member_id: Uuid,
  days: t.Integer(),
  steps_completed: Count,
  on_time: Count,
  on_time_pct: Percentage("completed steps"),
  estimated_hours: t.Number({ description: "Of the completed steps" }),
  worked_hours: t.Number(),
  efficiency_pct: Percentage("work"),
  qty_good: Quantity,
  qty_scrap: Quantity,
  scrap_pct: Percentage("quantities"),
});

/** A change, as the dashboard tells of it. */
export const Activity = t.Object({
  id: t.Integer(),
  at: Instant,
  action: t.String({ examples: ["job_step.updated"] }),
  entity_type: t.String({ examples: ["job_step"] }),
  entity_id: Nullable(Uuid),
  actor_user_id: Nullable(Uuid),
  actor_name: Nullable(t.String()),
});
