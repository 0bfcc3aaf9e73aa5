import { t } from "elysia";
import { BusinessDate, Instant, Money, Nullable, OneOf, Uuid, Version } from "../http/schema.ts";
import { timeKinds } from "../platform/enums.ts";
import { Count, MachineStatus, Percentage, Quantity, Reference } from "./shapes.routes.ts";

const Hours = (description: string) => t.Number({ minimum: 0, description });

export const Downtime = t.Object({
  id: Uuid,
  machine_id: Uuid,
  kind: OneOf(timeKinds),
  reason: Nullable(t.String()),
  started_at: Instant,
  ended_at: Nullable({ ...Instant, description: "Null while it is down" }),
});

export const Machine = t.Object({
  id: Uuid,
  code: t.String(),
  name: t.String(),
  type: Nullable(t.String()),
  location: Nullable(t.String()),
  status: MachineStatus,
  capacity: t.Integer({ minimum: 1 }),
  running: Count,
  busy: t.Boolean(),
  units_per_hour: Nullable(Quantity),
  rate_per_hour: Nullable(Money),
  weekly_minutes: Count,
  is_active: t.Boolean(),
  processes: t.Array(Reference),
  running_steps: t.Array(
    t.Object({
      step_id: Uuid,
      job_id: Uuid,
      job_number: t.String(),
      title: t.String(),
      assigned_to: Nullable(Uuid),
      started_at: Nullable(Instant),
    }),
  ),
  downtime: Nullable(Downtime),
  created_at: Instant,
  updated_at: Instant,
  version: Version,
});

export const MachineOnBoard = t.Object({
  id: Uuid,
  code: t.String(),
  name: t.String(),
  status: MachineStatus,
  capacity: t.Integer({ minimum: 1 }),
  busy: t.Boolean({ description: "Runs as much as it can" }),
  queue: t.Object({ running: Count, ready: Count, pending: Count, late: Count }),
  load_hours: Hours("Estimated for what waits for it"),
  load_pct: Percentage("weekly minutes"),
  productive_hours: Hours("In which it ran, set up included"),
  blocked_hours: Hours("Lost"),
  oee: Percentage("time"),
});

export const MachineOee = t.Object({
  machine_id: Uuid,
  from: BusinessDate,
  to: BusinessDate,
  productive_hours: Hours("In which it ran, set up included"),
  performance_loss_hours: Hours("Lost"),
  quality_loss_hours: Hours("Lost"),
  availability_loss_hours: Hours("Lost"),
  oee: Percentage("time"),
  steps_completed: { ...Count, description: "On these days, on which it also ran for them" },
  estimated_hours: Hours("Of these steps"),
  worked_hours: Hours("On those of them that have an estimate"),
  performance_pct: Percentage("work"),
  load_hours: Hours("Estimated for what waits for it now"),
  load_pct: Percentage("weekly minutes"),
});

export const Process = t.Object({
  id: Uuid,
  code: t.String(),
  name: t.String(),
  group_name: Nullable(t.String()),
  is_machine_based: t.Boolean(),
  is_production: t.Boolean(),
  default_minutes: Nullable(Count),
  sort: t.Integer(),
  is_active: t.Boolean(),
  machines: { ...Count, description: "In use that can do it" },
  created_at: Instant,
  updated_at: Instant,
  version: Version,
});
