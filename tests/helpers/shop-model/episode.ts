import type { SQL } from "bun";
import { pick, seeded } from "../../cache/chaos/random.ts";
import { connect } from "../database.ts";
import * as floor from "./floor.ts";
import * as jobs from "./jobs.ts";
import { wrongInQuiet, wrongInSnapshot } from "./proofs.ts";
import {
  closeProcess,
  type Lane,
  makeWorld,
  type PickedStep,
  refusalIn,
  setParallelWork,
  type World,
} from "./world.ts";

/** How far a run goes, with how many connections, and how closely it looks. */
export type ShopRun = Readonly<{
  seed: number;
  /** Actions altogether. */
  steps: number;
  connections: number;
  /** Actions in one business. */
  per_episode: number;
  /** All that must hold is proven after so many actions, with nothing in flight; what holds in any snapshot, meanwhile. */
  verify_every: number;
  say?: (line: string) => void;
}>;

/** What a run met: how often each outcome, by `action: outcome`. */
export type Met = Map<string, number>;

type Action = readonly [name: string, weight: number, act: (world: World, lane: Lane) => Promise<string>];

const actions: readonly Action[] = [
  ["create", 8, jobs.create],
  ["activate", 9, jobs.activate],
  ["move job", 4, jobs.move],
  ["change job", 3, jobs.change],
  ["add step", 4, jobs.addStep],
  ["order steps", 2, jobs.order],
  ["update step", 5, jobs.updateStep],
  ["assign", 5, jobs.assign],
  ["delete step", 2, jobs.deleteStep],
  ["move step", 45, floor.move],
  ["report", 9, floor.report],
  ["downtime", 3, floor.downtime],
  ["change machine", 3, floor.changeMachine],
  ["fold counters", 2, floor.fold],
];
const drawn: readonly Action[] = actions.flatMap((action) => Array.from({ length: action[1] }, () => action));

/**
 * Has several people work in the shop of one business after the other, each on a connection of their own and at the same time,
 * as they may and may not: while they do, counters and proofs agree in every snapshot; when all have come to rest, jobs, steps,
 * time and quantities are what the audit trail, the answers and the rules make of them, and refusals have left nothing. The
 * seed repeats what they draw, not how they meet.
 *
 * @throws Error that names the seed, the episode and what does not hold
 */
export async function runShop(url: string, { seed, steps, say, ...form }: ShopRun): Promise<Met> {
  const met: Met = new Map();
  const sql = connect(url);
  const connections = Array.from({ length: form.connections }, () => connect(url));
  try {
    let done = 0;
    for (let episode = 0; done < steps; episode += 1) {
      const of = Math.min(form.per_episode, steps - done);
      const lanes = connections.map((own, at) => ({
        sql: own,
        random: seeded(seed + episode * 31 + at + 1),
      }));
      await runEpisode(sql, lanes, met, { ...form, of, random: seeded(seed + episode * 31) }).catch(
        (error: unknown) => {
          throw new Error(`seed ${seed}, episode ${episode}: ${String(error)}`, { cause: error });
        },
      );
      done += of;
      if (episode % 10 === 9) say?.(`${done} actions`);
    }
    return met;
  } finally {
    await Promise.all([sql, ...connections].map((one) => one.close()));
  }
}

type Episode = Readonly<{ of: number; verify_every: number; random: () => number }>;

async function runEpisode(
  sql: SQL,
  lanes: readonly Lane[],
  met: Met,
  { of, verify_every, random }: Episode,
): Promise<void> {
  const world = await makeWorld(sql, lanes);
  const count = (outcome: string) => met.set(outcome, (met.get(outcome) ?? 0) + 1);
  for (let done = 0; done < of;) {
    const next = Math.min(verify_every, of - done);
    await runBatch(world, next, count);
    if (random() < 0.5) await completeAtOnce(world, random, count);
    done += next;
    const wrong = await wrongInQuiet(world);
    if (wrong.length > 0) throw new Error(`after ${done} actions: ${wrong.slice(0, 10).join("; ")}`);
    if (random() < 0.2) await setParallelWork(world, random() < 0.4);
    if (random() < 0.3) await closeProcess(world, random() < 0.5);
  }
}

/** Lets all connections act until so many actions are done, and proves what can be proven meanwhile. */
async function runBatch(world: World, count: number, met: (outcome: string) => void): Promise<void> {
  let left = count;
  let is_running = true;
  const acting = world.lanes.map(async (lane) => {
    while (left > 0) {
      left -= 1;
      const [name, , act] = pick(lane.random, drawn);
      met(`${name}: ${await actAs(world, lane, (own) => act(world, own))}`);
    }
  });
  const looking = (async () => {
    while (is_running) {
      const wrong = await wrongInSnapshot(world);
      if (wrong.length > 0) return wrong;
      await Bun.sleep(20);
    }
    return [];
  })();
  const failed = (await Promise.allSettled(acting)).find(({ status }) => status === "rejected");
  is_running = false;
  const wrong = await looking;
  if (wrong.length > 0) throw new Error(`while others act: ${wrong.join("; ")}`);
  if (failed?.status === "rejected") throw failed.reason;
}

/** Acts under the name of a request, and remembers those that were to change nothing. @returns the outcome */
async function actAs(world: World, lane: Lane, act: (lane: Lane) => Promise<string>): Promise<string> {
  const request_id = crypto.randomUUID();
  await lane.sql`select set_config('app.request_id', ${request_id}, false)`;
  const outcome = await act(lane).catch(refusalIn);
  if (!outcome.endsWith("done")) world.refused.add(request_id);
  return outcome;
}

/** Everybody completes the same step at the same time: one does. */
async function completeAtOnce(
  world: World,
  random: () => number,
  met: (outcome: string) => void,
): Promise<void> {
  const running: PickedStep[] = await world.sql`
    select s.id, s.version, s.job_id, s.status::text, s.process_id, s.assigned_to from shop.job_steps s
    where s.business_id = ${world.business.id} and s.status in ('in_progress', 'paused') and exists (select from shop.jobs j
      where j.business_id = s.business_id and j.id = s.job_id and j.status = 'in_progress') order by s.id`;
  if (running.length === 0) return;
  const step = pick(random, running);
  const outcomes = await Promise.all(
    world.lanes.map((lane) =>
      actAs(world, lane, async (own) =>
        (await floor.moveStep(world, own, {
          step,
          action: "complete",
          by: pick(own.random, world.staff),
          version: null,
        }))
          ? "done"
          : "not seen",
      ),
    ),
  );
  for (const outcome of outcomes) met(`complete at once: ${outcome}`);
  const done = outcomes.filter((outcome) => outcome === "done").length;
  if (done !== 1 && !(done === 0 && outcomes.every((outcome) => outcome === "over_production")))
    throw new Error(`${outcomes.length} completed step ${step.id} at once: ${outcomes.join(", ")}`);
}
