import type { JobAction } from "../../../src/shop/job-moves.ts";
import { between, pick, shuffled } from "../../cache/chaos/random.ts";
import { known, type Lane, moves, pickJob, pickStep, quantity, type World } from "./world.ts";

/** What a step is asked to be, without what it waits for. */
function stepOf(world: World, lane: Lane): Record<string, unknown> {
  const { random } = lane;
  return {
    process_id: pick(random, world.processes),
    ...(random() < 0.6 ? { machine_id: pick(random, world.machines) } : {}),
    ...(random() < 0.5 ? { assigned_to: pick(random, world.operators).member_id } : {}),
    ...(random() < 0.4
      ? { qty_target: quantity(lane, 20), allowance_bps: between(random, 0, 3) * 1_000 }
      : {}),
  };
}

/** Makes a job with some steps: chains, branches, and now and then a circle. */
export async function create(world: World, lane: Lane): Promise<string> {
  const { random, sql } = lane;
  const count = between(random, 0, 5);
  const steps = Array.from({ length: count }, (_, index) => {
    const drawn = random();
    const depends_on =
      drawn < 0.4
        ? undefined
        : drawn < 0.6 || index === 0
          ? []
          : drawn < 0.97
            ? [between(random, 1, index)]
            : [between(random, 1, count)];
    return { ...stepOf(world, lane), depends_on };
  });
  const fields = { title: "Work", ...(random() < 0.4 ? { quantity: quantity(lane, 30) } : {}) };
  const by = pick(random, [world.clerk, ...world.staff]);
  await sql`select (c.c).id from (select shop.create_job(${world.business.id}, ${by.role}, ${Bun.randomUUIDv7()},
    ${JSON.stringify(fields)}::text::jsonb, ${JSON.stringify(steps)}::text::jsonb, null) as c) c`;
  return "done";
}

const fitting: Readonly<Record<string, readonly JobAction[]>> = {
  draft: ["activate"],
  active: ["hold", "hold", "hold", "cancel"],
  in_progress: ["hold", "hold", "hold", "hold", "cancel"],
  on_hold: ["resume", "resume", "resume", "resume", "cancel"],
  completed: ["reopen"],
};
const anyAction = [...new Set(moves.jobs.match(/(?<="action":")\w+/g))] as readonly JobAction[];

/** Moves a job, most often as it may be moved. */
export async function move(world: World, lane: Lane): Promise<string> {
  const job = await pickJob(world, lane);
  if (job === undefined) return "nothing";
  const { random, sql } = lane;
  const action = pick(random, random() < 0.85 ? (fitting[job.status] ?? anyAction) : anyAction);
  const [done] =
    await sql`select m.id from shop.move_job(${world.business.id}, ${job.id}, ${known(lane, job.version)},
    ${action}, ${moves.jobs}::text::jsonb, 'Decided') m`;
  return done === undefined ? "not seen" : `${action} done`;
}

/** Activates a draft. */
export async function activate(world: World, lane: Lane): Promise<string> {
  const { random, sql } = lane;
  const drafts: { id: string }[] = await sql`select id from shop.jobs
    where business_id = ${world.business.id} and status = 'draft' order by created_at desc, id limit 6`;
  if (drafts.length === 0) return "nothing";
  const [done] =
    await sql`select m.id from shop.move_job(${world.business.id}, ${pick(random, drafts).id}, null,
    'activate', ${moves.jobs}::text::jsonb, null) m`;
  return done === undefined ? "not seen" : "done";
}

/** Changes, revises, copies or deletes a job. */
export async function change(world: World, lane: Lane): Promise<string> {
  const job = await pickJob(world, lane);
  if (job === undefined) return "nothing";
  const { random, sql } = lane;
  const { id: business } = world.business;
  const version = known(lane, job.version);
  const fields = JSON.stringify({
    priority: pick(random, ["normal", "urgent"]),
    due_on: pick(random, ["2020-01-31", "2099-12-31", null]),
    ...(random() < 0.2 ? { quantity: quantity(lane, 30) } : {}),
  });
  const kind = pick(random, ["update", "update", "revise", "duplicate", "delete"]);
  const rows: { id: string | null }[] =
    kind === "update"
      ? await sql`select id from shop.update_job(${business}, ${job.id}, ${version}, ${moves.jobs}::text::jsonb,
          ${fields}::text::jsonb)`
      : kind === "revise"
        ? await sql`select id from shop.revise_job(${business}, ${job.id}, ${version}, ${moves.jobs}::text::jsonb,
            ${fields}::text::jsonb, 'Asked for')`
        : kind === "duplicate"
          ? await sql`select id from shop.duplicate_job(${business}, ${job.id}, ${version}, ${Bun.randomUUIDv7()})`
          : await sql`select shop.delete_job(${business}, ${job.id}, ${version}) as id`;
  return (rows[0]?.id ?? null) === null ? "not seen" : `${kind} done`;
}

async function stepsOf(world: World, { sql }: Lane, job_id: string): Promise<string[]> {
  const rows: { id: string }[] = await sql`select id from shop.job_steps
    where business_id = ${world.business.id} and job_id = ${job_id} order by position`;
  return rows.map(({ id }) => id);
}

const some = (random: () => number, ids: readonly string[]): string[] =>
  shuffled(ids, random).slice(0, between(random, 0, 2));

/** Adds a step to a job. */
export async function addStep(world: World, lane: Lane): Promise<string> {
  const job = await pickJob(world, lane);
  if (job === undefined) return "nothing";
  const { random, sql } = lane;
  const ids = await stepsOf(world, lane, job.id);
  const step = {
    ...stepOf(world, lane),
    ...(random() < 0.5 ? { position: between(random, 1, ids.length + 1) } : {}),
    ...(random() < 0.5 ? { depends_on: some(random, ids) } : {}),
  };
  const [row] =
    await sql`select shop.add_step(${world.business.id}, ${job.id}, ${pick(random, world.staff).role},
    ${Bun.randomUUIDv7()}, ${JSON.stringify(step)}::text::jsonb) as body`;
  return row.body === null ? "not seen" : "done";
}

/** Puts the steps of a job in another order. */
export async function order(world: World, lane: Lane): Promise<string> {
  const job = await pickJob(world, lane);
  if (job === undefined) return "nothing";
  const { random, sql } = lane;
  const ids = shuffled(await stepsOf(world, lane, job.id), random);
  const [row] =
    await sql`select shop.order_steps(${world.business.id}, ${job.id}, ${known(lane, job.version)}, 'manager',
    string_to_array(${ids.join(",")}, ',')::uuid[]) as body`;
  return row.body === null ? "not seen" : "done";
}

/** Changes a step: what it waits for, what it is to make. */
export async function updateStep(world: World, lane: Lane): Promise<string> {
  const step = await pickStep(world, lane);
  if (step === undefined) return "nothing";
  const { random, sql } = lane;
  const patch =
    random() < 0.7
      ? { depends_on: some(random, await stepsOf(world, lane, step.job_id)) }
      : random() < 0.5
        ? { qty_target: quantity(lane, 20) }
        : { process_id: pick(random, world.processes) };
  const [row] =
    await sql`select shop.update_step(${world.business.id}, ${step.id}, ${known(lane, step.version)},
    ${pick(random, world.staff).role}, ${JSON.stringify(patch)}::text::jsonb) as body`;
  return row.body === null ? "not seen" : "done";
}

/** Gives a step to somebody, or to a machine. */
export async function assign(world: World, lane: Lane): Promise<string> {
  const step = await pickStep(world, lane);
  if (step === undefined) return "nothing";
  const { random, sql } = lane;
  const given =
    random() < 0.7
      ? { member_id: pick(random, [null, ...world.operators.map(({ member_id }) => member_id)]) }
      : { machine_id: pick(random, [null, ...world.machines]) };
  const [row] =
    await sql`select shop.assign_step(${world.business.id}, ${step.id}, ${known(lane, step.version)},
    ${pick(random, world.staff).role}, ${JSON.stringify(given)}::text::jsonb) as body`;
  return row.body === null ? "not seen" : "done";
}

/** Takes a step away that nobody has worked on. */
export async function deleteStep(world: World, lane: Lane): Promise<string> {
  const step = await pickStep(world, lane);
  if (step === undefined) return "nothing";
  const [row] =
    await lane.sql`select shop.delete_step(${world.business.id}, ${step.id}, ${known(lane, step.version)},
    'manager') as id`;
  return row.id === null ? "not seen" : "done";
}
