import { type StepStatus, stepStatuses } from "../../../src/platform/enums.ts";
import { type StepAction, stepMoves } from "../../../src/shop/step-moves.ts";
import { between, pick } from "../../cache/chaos/random.ts";
import type { Person } from "../fixtures.ts";
import { known, type Lane, moves, type PickedStep, pickStep, quantity, type World } from "./world.ts";

type StepBody = Readonly<{
  id: string;
  status: StepStatus;
  assigned_to: string | null;
  process: { id: string };
}>;

const fitting: Readonly<Record<StepStatus, readonly StepAction[]>> = {
  pending: ["skip", "start", "start", "complete"],
  ready: ["start", "start", "start", "start", "start", "start", "start", "start", "block", "skip"],
  in_progress: ["complete", "complete", "pause", "pause", "block"],
  paused: ["resume", "resume", "resume", "complete", "block"],
  blocked: ["unblock"],
  completed: ["reopen"],
  skipped: ["reopen"],
  cancelled: ["start"],
};
const anyAction = [...new Set(stepMoves.map(({ action }) => action))];
if (Object.keys(fitting).length !== stepStatuses.length) throw new Error("a status of steps is missing");

/** Who moves a step: those whose it is, most often; only staff skip and reopen. */
function whoMoves(
  { staff, operators }: World,
  { random }: Lane,
  step: PickedStep,
  action: StepAction,
): Person {
  if (action === "skip" || action === "reopen" || random() < 0.15) return pick(random, staff);
  const own = operators.find(({ member_id }) => member_id === step.assigned_to);
  return own !== undefined && random() < 0.85 ? own : pick(random, operators);
}

/** Moves a step, most often as it may be moved. */
export async function move(world: World, lane: Lane): Promise<string> {
  const step = await pickStep(world, lane);
  if (step === undefined) return "nothing";
  const { random } = lane;
  const action = pick(random, random() < 0.9 ? fitting[step.status] : anyAction);
  const done = await moveStep(world, lane, {
    step,
    action,
    by: whoMoves(world, lane, step, action),
    version: known(lane, step.version),
  });
  return done ? `${action} done` : "not seen";
}

/** Moves a step as somebody. @returns whether it was there @throws Error where it was done by who may not do it */
export async function moveStep(
  world: World,
  { random, sql }: Lane,
  asked: Readonly<{ step: PickedStep; action: StepAction; by: Person; version: number | null }>,
): Promise<boolean> {
  const { step, action, by, version } = asked;
  const report = action === "complete" && random() < 0.3 ? { qty_good: between(random, 1, 8) } : undefined;
  const given = {
    reason: "Because",
    ...(action === "start" && random() < 0.4 ? { machine_id: pick(random, world.machines) } : {}),
    ...(action === "start" || action === "resume" ? { kind: pick(random, ["setup", "productive"]) } : {}),
    ...((action === "pause" || action === "block") && random() < 0.4
      ? { kind: pick(random, ["performance_loss", "quality_loss", "availability_loss"]) }
      : {}),
    ...report,
  };
  const [row] =
    await sql`select version, body from shop.move_step(${world.business.id}, ${by.member_id}, ${by.role},
    ${step.id}, ${version}, ${action}, ${moves.steps}::text::jsonb, ${JSON.stringify(given)}::text::jsonb,
    ${Bun.randomUUIDv7()})`;
  if (row.version === null) return false;
  expectPermitted(world, by, row.body as StepBody);
  if (report !== undefined) book(world, step.id, report.qty_good, 0);
  return true;
}

function expectPermitted(world: World, by: Person, { id, assigned_to, process }: StepBody): void {
  if (by.role !== "operator") return;
  if (assigned_to !== null && assigned_to !== by.member_id)
    throw new Error(`operator ${by.member_id} moved step ${id} of ${assigned_to}`);
  if (world.is_closed && process.id === world.closed_process)
    throw new Error(`operator ${by.member_id} worked on step ${id} of a process that is closed to them`);
}

function book({ reported }: World, step_id: string, good: number, scrap: number): void {
  const sum = reported.get(step_id) ?? { good: 0, scrap: 0 };
  reported.set(step_id, { good: sum.good + good, scrap: sum.scrap + scrap });
}

/** Reports what a step has produced. */
export async function report(world: World, lane: Lane): Promise<string> {
  const step = await pickStep(world, lane);
  if (step === undefined) return "nothing";
  const { random, sql } = lane;
  const by = whoMoves(world, lane, step, "complete");
  const good = random() < 0.1 ? 0 : quantity(lane, 6);
  const scrap = random() < 0.6 ? 0 : quantity(lane, 2);
  const [row] =
    await sql`select version, body -> 'step' as step from shop.report_production(${world.business.id},
    ${by.member_id}, ${by.role}, ${step.id}, ${known(lane, step.version)}, ${moves.reports}::text::jsonb,
    ${JSON.stringify({ qty_good: good, qty_scrap: scrap })}::text::jsonb, ${Bun.randomUUIDv7()})`;
  if (row.version === null) return "not seen";
  expectPermitted(world, by, row.step as StepBody);
  book(world, step.id, good, scrap);
  return "done";
}

/** A machine breaks down, or runs again. */
export async function downtime(world: World, { random, sql }: Lane): Promise<string> {
  const machine_id = pick(random, world.machines);
  const { id: business } = world.business;
  const [log] =
    await sql`select id from shop.time_logs where business_id = ${business} and machine_id = ${machine_id}
    and step_id is null and (ended_at is null or ${random() < 0.1}) order by started_at desc limit 1`;
  if (log === undefined && random() < 0.8) return "nothing";
  if (log === undefined || random() < 0.1) {
    await sql`select shop.begin_downtime(${business}, ${machine_id}, ${Bun.randomUUIDv7()},
      ${pick(random, ["availability_loss", "availability_loss", "quality_loss"])}::shop.time_kind, 'Broken')`;
    return "begin done";
  }
  await sql`select shop.end_downtime(${business}, ${machine_id}, ${log.id})`;
  return "end done";
}

/** Changes a machine: its status, its room, what it can do. Most are brought back to work. */
export async function changeMachine(world: World, lane: Lane): Promise<string> {
  const { random, sql } = lane;
  const id = pick(random, world.machines);
  const [machine] = await sql`select version, status::text from shop.machines
    where business_id = ${world.business.id} and id = ${id}`;
  const patch =
    machine.status !== "active" && random() < 0.8
      ? { status: machine.status === "inactive" ? "maintenance" : "active" }
      : pick(random, [
          { status: pick(random, ["maintenance", "inactive"]) },
          { capacity: between(random, 1, 3) },
          { capacity: 2 },
          { process_ids: world.processes.slice(0, between(random, 2, 4)) },
        ]);
  const [row] = await sql`select version from shop.update_machine(${world.business.id}, ${id},
    ${known(lane, machine.version as number)}, ${JSON.stringify(patch)}::text::jsonb, ${moves.machines}::text::jsonb)`;
  return row.version === null ? "not seen" : "done";
}

/** Folds counters, as the background job does. */
export async function fold(_: World, { random, sql }: Lane): Promise<string> {
  await sql`select core.fold_counters(${between(random, 1, 500)})`;
  return "done";
}
