import type { JobStatus, StepStatus } from "../../../src/platform/enums.ts";
import { FloorReplay } from "./replay-floor.ts";

/** A row of the audit trail. */
export type Change = Readonly<{
  id: number;
  xid: string;
  request_id: string | null;
  action: string;
  entity_type: string;
  entity_id: string;
  before: Readonly<Record<string, unknown>> | null;
  after: Readonly<Record<string, unknown>> | null;
}>;

type Job = { status: JobStatus; steps_total: number; steps_done: number };
type Step = {
  job_id: string;
  status: StepStatus;
  assigned_to: string | null;
  started_at: string | null;
  /** How often it became ready: as the trail says, and as what it waits for implies. */
  became_ready: number;
  was_to_become_ready: number;
};
/** What one transaction did to one job. */
type Touched = {
  before: Map<string, StepStatus | "none">;
  became_ready: Map<string, number>;
  has_moved: boolean;
};

/** Where a step may go in one change, by itself or by somebody; written down from the specification, not from the code. */
const legalSteps: Readonly<Record<StepStatus, readonly StepStatus[]>> = {
  pending: ["ready", "skipped", "cancelled"],
  ready: ["pending", "in_progress", "blocked", "skipped", "cancelled"],
  in_progress: ["paused", "completed", "blocked", "cancelled"],
  paused: ["in_progress", "completed", "blocked", "cancelled"],
  blocked: ["ready", "in_progress", "paused", "cancelled"],
  completed: ["ready"],
  skipped: [],
  cancelled: [],
};
const legalJobs: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  draft: ["active"],
  active: ["in_progress", "completed", "on_hold", "cancelled"],
  in_progress: ["completed", "on_hold", "cancelled"],
  on_hold: ["active", "in_progress", "cancelled"],
  completed: ["in_progress"],
  cancelled: [],
};
const isOver = (status: StepStatus): boolean => ["completed", "skipped", "cancelled"].includes(status);

/**
 * What the audit trail says happened to a shop, done again in TypeScript, one transaction after the other: after each of them a
 * job must follow its steps, and each step must be ready when and only when it waits for nobody. Whoever changes a step has
 * locked its job, so the changes of one job are in the trail in the order in which they were made.
 */
export class Replay {
  readonly wrong: string[] = [];
  /** How often operators are to be told that a step became ready, by step. */
  readonly told = new Map<string, number>();
  readonly numbers: string[] = [];
  readonly floor = new FloorReplay(this.wrong);
  last_id = 0;
  readonly #jobs = new Map<string, Job>();
  readonly #steps = new Map<string, Step>();
  readonly #waits_for = new Map<string, Set<string>>();

  /** Whether operators may do several things at once, from the next change on. */
  set parallel_work(value: boolean) {
    this.floor.parallel_work = value;
  }

  /** How often steps became ready altogether. */
  get became_ready(): number {
    return [...this.#steps.values()].reduce((sum, step) => sum + step.became_ready, 0);
  }

  /** How many jobs and steps there are by status, as counters name them. */
  counts(): Map<string, number> {
    const names = [
      ...[...this.#jobs.values()].map(({ status }) => `shop.jobs ${status}`),
      ...[...this.#steps.values()].map(({ status }) => `shop.steps ${status}`),
    ];
    return new Map([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
  }

  /** Goes on with the next changes, in their order, all of them of transactions that have ended. */
  read(changes: readonly Change[]): void {
    for (const change of changes) this.floor.read(change);
    for (const transaction of Map.groupBy(changes, ({ xid }) => xid).values()) this.#readOne(transaction);
    this.last_id = changes.at(-1)?.id ?? this.last_id;
  }

  #readOne(changes: readonly Change[]): void {
    const touched = new Map<string, Touched>();
    const touch = (job_id: string): Touched => {
      const found = touched.get(job_id) ?? {
        before: new Map(),
        became_ready: new Map(),
        has_moved: false,
      };
      touched.set(job_id, found);
      return found;
    };
    for (const change of changes) {
      if (change.entity_type === "job") this.#readJob(change, touch);
      else if (change.entity_type === "job_step") this.#readStep(change, touch);
      else if (change.entity_type === "step_dependency") this.#readDependency(change, touch);
    }
    for (const [job_id, what] of touched) this.#check(job_id, what, changes[0]?.id ?? 0);
  }

  #readJob({ id, action, entity_id, after }: Change, touch: (job_id: string) => Touched): void {
    touch(entity_id);
    if (action === "job.deleted") return void this.#jobs.delete(entity_id);
    const old = this.#jobs.get(entity_id);
    const job = { ...old, ...after } as Job & { job_number: string };
    if (old === undefined) this.numbers.push(job.job_number);
    else if (job.status !== old.status && !legalJobs[old.status].includes(job.status))
      this.wrong.push(`change ${id}: job ${entity_id} went from ${old.status} to ${job.status}`);
    this.#jobs.set(entity_id, job);
  }

  #readStep({ id, action, entity_id, after }: Change, touch: (job_id: string) => Touched): void {
    const old = this.#steps.get(entity_id);
    const step = {
      became_ready: 0,
      was_to_become_ready: 0,
      ...old,
      ...(action === "job_step.deleted" ? {} : after),
    } as Step;
    const what = touch(step.job_id);
    if (!what.before.has(entity_id)) what.before.set(entity_id, old?.status ?? "none");
    if (action === "job_step.deleted") {
      what.has_moved = true;
      return void this.#steps.delete(entity_id);
    }
    this.#steps.set(entity_id, step);
    if (old?.status === step.status) return;
    what.has_moved = true;
    if (old !== undefined && !legalSteps[old.status].includes(step.status))
      this.wrong.push(`change ${id}: step ${entity_id} went from ${old.status} to ${step.status}`);
    if (old?.status !== "pending" || step.status !== "ready") return;
    step.became_ready += 1;
    what.became_ready.set(entity_id, (what.became_ready.get(entity_id) ?? 0) + 1);
    if (step.assigned_to !== null) this.told.set(entity_id, (this.told.get(entity_id) ?? 0) + 1);
  }

  #readDependency({ action, before, after }: Change, touch: (job_id: string) => Touched): void {
    const { step_id, depends_on } = (after ?? before) as { step_id: string; depends_on: string };
    const needed = this.#waits_for.get(step_id) ?? new Set();
    this.#waits_for.set(step_id, needed);
    if (action === "step_dependency.deleted") needed.delete(depends_on);
    else needed.add(depends_on);
    const job_id = this.#steps.get(step_id)?.job_id;
    if (job_id !== undefined) touch(job_id);
  }

  #check(job_id: string, what: Touched, at: number): void {
    const job = this.#jobs.get(job_id);
    if (job === undefined) return;
    const steps = [...this.#steps].filter(([, step]) => step.job_id === job_id);
    const done = steps.filter(([, { status }]) => isOver(status)).length;
    const say = (words: string) =>
      this.wrong.push(`change ${at}: job ${job_id}, which is ${job.status}, ${words}`);
    if (job.steps_total !== steps.length || job.steps_done !== done)
      say(`says ${job.steps_done} of ${job.steps_total} steps, it has ${done} of ${steps.length}`);
    for (const words of wrongStatus(job, steps, done, what)) say(words);
    for (const [id, step] of steps) this.#checkStep(id, step, job, what, say);
  }

  #checkStep(id: string, step: Step, job: Job, what: Touched, say: (words: string) => void): void {
    const waits = [...(this.#waits_for.get(id) ?? [])].some((needed) => {
      const status = this.#steps.get(needed)?.status;
      return status !== undefined && !isOver(status);
    });
    const is_live = job.status !== "draft" && job.status !== "cancelled";
    if (is_live && step.status === "ready" && waits) say(`has step ${id} ready, which waits for another one`);
    if (is_live && step.status === "pending" && !waits) say(`has step ${id} pending, which waits for nobody`);
    if (job.status === "draft" && step.status !== "pending") say(`has step ${id} ${step.status}`);
    const before = what.before.get(id);
    if (is_live && (before === "pending" || before === "none") && step.status !== "pending")
      step.was_to_become_ready += step.status === "ready" ? 1 : 0;
    const times = what.became_ready.get(id) ?? 0;
    if (times > 1) say(`has step ${id}, which became ready ${times} times in one transaction`);
    if (step.became_ready !== step.was_to_become_ready)
      say(`has step ${id}, which became ready ${step.became_ready} times, not ${step.was_to_become_ready}`);
  }
}

/** What a job's status says that its steps do not. One in progress may have none that is open: until a step changes. */
function* wrongStatus(
  { status }: Job,
  steps: readonly (readonly [string, Step])[],
  done: number,
  what: Touched,
): Generator<string> {
  const is_done = steps.length > 0 && done === steps.length;
  const has_started = steps.some(([, { started_at }]) => (started_at ?? null) !== null);
  if ((status === "completed" || status === "cancelled") && done < steps.length) yield "has open steps";
  if (status === "completed" && steps.length === 0) yield "has no steps";
  if (status === "active" && is_done) yield "has only steps that are over";
  if (status === "active" && has_started) yield "has a step that has started";
  if (status === "in_progress" && is_done && what.has_moved) yield "has had its last step end";
}
