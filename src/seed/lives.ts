import type { JobStatus } from "../platform/enums.ts";
import type { WorkingDay } from "./calendar.ts";
import type { BusinessPlan } from "./plan.ts";
import type { Routing } from "./shop-floor.ts";
import { quiet_ms } from "./workday.ts";

const minute_ms = 60_000;
const hour_ms = 60 * minute_ms;
const day_ms = 24 * hour_ms;

/** A job before its steps are known. Instants in milliseconds since 1970, days as indexes of the calendar. */
export type JobDraft = {
  id: string;
  job_number: string;
  title: string;
  routing: Routing;
  created_by: string;
  created_ms: number;
  created_index: number;
  status: JobStatus;
  status_before_hold: "active" | "in_progress" | null;
  due_index: number | null;
  quantity: number;
  /** How many steps, from the first, are behind it. */
  steps_done: number;
  /** State of the step after those, where it was begun. */
  current: "in_progress" | "paused" | "blocked" | null;
  /** Between which instants the work lies. */
  work_from_ms: number;
  work_until_ms: number;
};

type Life = Pick<
  JobDraft,
  "status" | "status_before_hold" | "due_index" | "steps_done" | "current" | "work_from_ms" | "work_until_ms"
>;

/**
 * Draws what has become of a job by now. Jobs take between five days and eleven weeks, mostly few; old jobs are
 * completed or cancelled but for a thin tail, young ones are where their age has brought them.
 */
export function drawLife(plan: BusinessPlan, created_ms: number, day: WorkingDay, steps_total: number): Life {
  const { random, until_ms, quick_share } = plan;
  if (quick_share > 0 && random.chance(quick_share)) return drawQuickLife(plan, created_ms, day, steps_total);
  const age_days = (until_ms - created_ms) / day_ms;
  const lead_days = 5 + random.unit() ** 2 * 70;
  const due_index = random.chance(0.08)
    ? null
    : day.index + Math.ceil(lead_days * (0.75 + random.unit() * 0.6));
  const status = drawStatus(plan, age_days, lead_days);
  const finished_ms = Math.min(created_ms + lead_days * day_ms, until_ms - quiet_ms - hour_ms);
  const work_from_ms = created_ms + (finished_ms - created_ms) * random.unit() * 0.3;
  const life: Life = {
    status,
    status_before_hold: status === "on_hold" ? (random.chance(0.6) ? "in_progress" : "active") : null,
    due_index,
    steps_done: 0,
    current: null,
    work_from_ms,
    work_until_ms: Math.max(work_from_ms, finished_ms),
  };
  if (status === "completed") life.steps_done = steps_total;
  if (status === "cancelled") life.steps_done = random.chance(0.7) ? 0 : random.below(steps_total);
  if (status === "in_progress" || life.status_before_hold === "in_progress") {
    life.steps_done = random.below(steps_total);
    const draw = random.unit();
    if (status === "on_hold") life.current = life.steps_done === 0 || draw < 0.7 ? "paused" : null;
    else
      life.current =
        draw < 0.5
          ? "in_progress"
          : draw < 0.7
            ? "paused"
            : draw < 0.8 || life.steps_done === 0
              ? "blocked"
              : null;
  }
  return life;
}

/** A job that is made within hours, or now and then some days later, after it was due: over by now in any case. */
function drawQuickLife(
  { random, until_ms }: BusinessPlan,
  created_ms: number,
  day: WorkingDay,
  steps_total: number,
): Life {
  const limit_ms = until_ms - quiet_ms - hour_ms;
  const late_ms = created_ms + random.between(2, 4) * day_ms;
  const isLate = random.chance(0.12) && late_ms < limit_ms;
  const finished_ms = isLate
    ? late_ms
    : Math.max(created_ms, Math.min(created_ms + random.between(20, 180) * minute_ms, limit_ms));
  const isCancelled = random.evenly("cancelled", 0.04);
  return {
    status: isCancelled ? "cancelled" : "completed",
    status_before_hold: null,
    due_index: random.chance(0.08) ? null : day.index + (isLate ? 1 : random.between(1, 5)),
    steps_done: isCancelled ? 0 : steps_total,
    current: null,
    work_from_ms: created_ms + (finished_ms - created_ms) * random.unit() * 0.3,
    work_until_ms: finished_ms,
  };
}

function drawStatus({ random }: BusinessPlan, age_days: number, lead_days: number): JobStatus {
  // A business of a few hundred jobs has some of every status, whenever it is seeded.
  if (random.evenly("draft", age_days < 3 ? 0.3 : age_days < 30 ? 0.03 : 0.001)) return "draft";
  if (age_days < 0.5 || age_days < lead_days * 0.2) return "active";
  const straggler = age_days < lead_days + 200 && random.chance(0.01);
  if (age_days < lead_days || straggler) return random.evenly("on_hold", 0.07) ? "on_hold" : "in_progress";
  return random.evenly("cancelled", 0.04) ? "cancelled" : "completed";
}
