import type { SQL } from "bun";
import { refusals } from "../../../src/http/refusals.ts";
import type { StepStatus } from "../../../src/platform/enums.ts";
import { jobMoves } from "../../../src/shop/job-moves.ts";
import { machineMoves } from "../../../src/shop/machine-moves.ts";
import { reportMoves } from "../../../src/shop/step-actions.ts";
import { stepMoves } from "../../../src/shop/step-moves.ts";
import { between, pick } from "../../cache/chaos/random.ts";
import { type Business, makeBusiness, type Person } from "../fixtures.ts";
import { makeMachine, makeProcess } from "../shop.ts";
import { Replay } from "./replay.ts";

/** The moves as the application hands them to the database. */
export const moves = {
  jobs: JSON.stringify(jobMoves),
  machines: JSON.stringify(machineMoves),
  reports: JSON.stringify(reportMoves),
  steps: JSON.stringify(stepMoves),
} as const;

/** Somebody's connection and what they draw. */
export type Lane = Readonly<{ sql: SQL; random: () => number }>;
export type Quantities = { good: number; scrap: number };

/**
 * A business whose shop is worked in at random by several connections at once, and a plain model of it: what was answered, and
 * what the audit trail says happened, in its order.
 */
export type World = {
  readonly business: Business;
  /** Proves, and changes what changes only while nothing is in flight. */
  readonly sql: SQL;
  readonly lanes: readonly Lane[];
  readonly processes: readonly string[];
  /** The process that operators may work on only while `is_closed` is false. */
  readonly closed_process: string;
  readonly machines: readonly string[];
  readonly staff: readonly Person[];
  readonly clerk: Person;
  readonly operators: readonly Person[];
  /** What was answered to be reported of a step. */
  readonly reported: Map<string, Quantities>;
  /** Requests that were refused, or found nothing. */
  readonly refused: Set<string>;
  readonly replay: Replay;
  is_closed: boolean;
};

/** A random code of a business, so that a database holds many. */
const codeOf = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => "ABCDEFGHIJKLMNOP"[byte % 16]).join("");

/** Makes a business with five operators, four processes, and machines with room for one and for two. */
export async function makeWorld(sql: SQL, lanes: readonly Lane[]): Promise<World> {
  const business = await makeBusiness(sql, { code: codeOf(), timezone: "Africa/Lagos", currency: "NGN" });
  const { owner, admin, manager, operator, clerk } = business.people;
  const operators = [operator];
  while (operators.length < 5) operators.push(await makeOperator(sql, business));
  const processes: string[] = [];
  for (let made = 0; made < 4; made += 1)
    processes.push(await makeProcess(sql, business, { default_minutes: 30 }));
  const machines: string[] = [];
  for (const capacity of [1, 2])
    machines.push(await makeMachine(sql, business, processes.slice(0, 3), { capacity }));
  const world: World = {
    business,
    sql,
    lanes,
    processes,
    closed_process: processes[2] ?? "",
    machines,
    staff: [owner, admin, manager],
    clerk,
    operators,
    reported: new Map(),
    refused: new Set(),
    replay: new Replay(),
    is_closed: false,
  };
  await closeProcess(world, true);
  return world;
}

async function makeOperator(sql: SQL, business: Business): Promise<Person> {
  const like = business.people.operator;
  const person = { ...like, user_id: Bun.randomUUIDv7(), member_id: Bun.randomUUIDv7() };
  const username = `operator.${person.user_id}`;
  await sql`insert into core.users (id, username, email, full_name, password_hash)
    select ${person.user_id}, ${username}, ${`${username}@example.test`}, ${username}, password_hash
    from core.users where id = ${like.user_id}`;
  await sql`insert into core.memberships (business_id, id, user_id, role)
    values (${business.id}, ${person.member_id}, ${person.user_id}, 'operator')`;
  return { ...person, username };
}

/** Lets operators work on the closed process, or no longer; while nothing is in flight. */
export async function closeProcess(world: World, is_closed: boolean): Promise<void> {
  const { sql, business, closed_process: process_id } = world;
  const items = [{ role: "operator", process_id, can_view: true, can_work: !is_closed, can_assign: false }];
  await sql`select shop.put_permissions(${business.id}, (select p.version from shop.permissions_of(${business.id}) p),
    ${JSON.stringify(items)}::text::jsonb)`;
  world.is_closed = is_closed;
}

/** Lets operators do several things at once, or no longer; while nothing is in flight. */
export async function setParallelWork({ sql, business, replay }: World, value: boolean): Promise<void> {
  await sql`delete from core.settings where business_id = ${business.id} and key = 'shop.parallel_work'`;
  await sql`insert into core.settings (business_id, key, value)
    values (${business.id}, 'shop.parallel_work', to_jsonb(${value}::boolean))`;
  replay.parallel_work = value;
}

export type PickedJob = Readonly<{ id: string; version: number; status: string }>;
export type PickedStep = Readonly<{
  id: string;
  version: number;
  job_id: string;
  status: StepStatus;
  process_id: string;
  assigned_to: string | null;
}>;

/** One of the last jobs, most often an open one. */
export async function pickJob({ business }: World, { sql, random }: Lane): Promise<PickedJob | undefined> {
  const rows: PickedJob[] = await sql`select id, version, status::text from shop.jobs
    where business_id = ${business.id} and (status not in ('completed', 'cancelled') or ${random() < 0.15})
    order by created_at desc, id limit 10`;
  return rows.length === 0 ? undefined : pick(random, rows);
}

/** One of the steps of jobs that go on, now and then of any job, or one that is over. */
export async function pickStep({ business }: World, { sql, random }: Lane): Promise<PickedStep | undefined> {
  const rows: PickedStep[] = await sql`
    select s.id, s.version, s.job_id, s.status::text, s.process_id, s.assigned_to
    from shop.job_steps s join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id
    where s.business_id = ${business.id} and (j.status in ('active', 'in_progress') or ${random() < 0.1})
      and (s.status not in ('pending', 'completed', 'skipped', 'cancelled') or ${random() < 0.15})
    order by j.created_at desc, s.job_id, s.position limit 16`;
  return rows.length === 0 ? undefined : pick(random, rows);
}

/** The version that somebody knows: most say none, some an old one. */
export const known = ({ random }: Lane, version: number): number | null =>
  random() < 0.7 ? null : version - (random() < 0.1 ? 1 : 0);

/** A quantity of halves. */
export const quantity = ({ random }: Lane, most: number): number => between(random, 1, most * 2) / 2;

/** The name of what refused a statement; every name is one that the application has words for. Others are thrown again. */
export function refusalIn(error: unknown): string {
  const name =
    typeof error === "object" && error !== null && "constraint" in error ? String(error.constraint) : "";
  if (name in refusals) return name;
  throw error;
}
