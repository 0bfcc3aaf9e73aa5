import type { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { shopCheck } from "../../src/shop/verify.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { makeJob, makeMachine, makeProcess } from "../helpers/shop.ts";
import { brokenBy, proofOf } from "./proofs.ts";

let database: TestDatabase;
let sql: SQL;
let business: Business;
/** What is broken on purpose below: rows by what they are. */
let rows: Record<
  | "business"
  | "draft"
  | "draft_step"
  | "open"
  | "running"
  | "waiting"
  | "last"
  | "other"
  | "other_step"
  | "done"
  | "done_step"
  | "machine"
  | "operator"
  | "log",
  string
>;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "ALPHA", timezone: "Africa/Lagos", currency: "NGN" });
  const operator = business.people.operator.member_id;
  const process_id = await makeProcess(sql, business);
  const machine_id = await makeMachine(sql, business, [process_id], { capacity: 2 });
  const draft = await makeJob(sql, business, [{ process_id }], { status: "draft" });
  const step = { process_id, machine_id, qty_target: 10 };
  const open = await makeJob(sql, business, [step, step, step]);
  const other = await makeJob(sql, business, [{ process_id }]);
  const done = await makeJob(sql, business, [{ process_id }]);
  const [running = "", waiting = "", last = ""] = open.steps;
  await sql`update shop.job_steps set status = 'in_progress', started_at = now() - interval '2 hours' where id = ${running}`;
  const log = Bun.randomUUIDv7();
  await sql`insert into shop.time_logs (business_id, id, step_id, machine_id, operator_id, started_at, ended_at,
      exclusive_machine)
    values (${business.id}, ${Bun.randomUUIDv7()}, ${running}, ${machine_id}, ${operator}, now() - interval '2 hours',
        now() - interval '1 hour', false),
      (${business.id}, ${log}, ${running}, ${machine_id}, ${operator}, now() - interval '1 hour', null, false)`;
  await sql`insert into shop.production_reports (business_id, step_id, qty_good, qty_scrap)
    values (${business.id}, ${running}, 2, 1), (${business.id}, ${running}, 3, 0)`;
  await sql`update shop.job_steps set qty_good = 5, qty_scrap = 1 where id = ${running}`;
  const [done_step = "", draft_step = "", other_step = ""] = [done.steps[0], draft.steps[0], other.steps[0]];
  await sql`update shop.job_steps set status = 'completed', completed_at = now() where id = ${done_step}`;
  for (const { job_id } of [open, done]) await sql`select shop.settle_job(${business.id}, ${job_id})`;
  rows = {
    business: business.id,
    draft: draft.job_id,
    draft_step,
    open: open.job_id,
    running,
    waiting,
    last,
    other: other.job_id,
    other_step,
    done: done.job_id,
    done_step,
    machine: machine_id,
    operator,
    log,
  };
}, 30_000);
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

const prove = (): Promise<string> => proofOf(database.url, shopCheck);
const afterwards = (statement: string) => brokenBy(sql, "shop", business.id, statement, rows);

/** A log of work on the machine beside the one that runs. */
const beside = (from: string, to: string, operator = "null"): string =>
  `insert into shop.time_logs (business_id, step_id, machine_id, operator_id, started_at, ended_at, exclusive_machine)
   values ($business, $running, $machine, ${operator}, now() - interval '${from}', now() - interval '${to}', false);`;

test("all of it holds where nobody changed anything, and verify says how much it proved", async () => {
  expect(await prove()).toMatch(/^ok {5}shop: 4 jobs of 1 businesses proven/);
});

test("verify names the business and the first row that is broken", async () => {
  await sql`update shop.jobs set steps_total = 4 where id = ${rows.open}`;
  const told = await prove();
  await sql`update shop.jobs set steps_total = 3 where id = ${rows.open}`;
  expect(told).toStartWith(
    `BROKEN shop: 1 of 1 businesses; of business ${business.id}, jobs: job ${rows.open}`,
  );
  expect(told).toContain("says that 0 of 4 steps are done, it has 0 of 3");
});

describe("a shop is found broken", () => {
  test.each([
    [
      "a step that a job does not count as done",
      "update shop.jobs set steps_done = 0 where id = $done",
      "jobs",
      /says that 0 of 1 steps are done, it has 1 of 1/,
    ],
    [
      "a job that is completed though a step is open",
      "update shop.jobs set status = 'completed', completed_at = now() where id = $open",
      "jobs",
      /is completed, and 3 of its steps are open/,
    ],
    [
      "a job that is cancelled though a step is open",
      "update shop.jobs set status = 'cancelled' where id = $other",
      "jobs",
      /is cancelled, and 1 of its steps are open/,
    ],
    [
      "a job that is active though all is done",
      "update shop.jobs set status = 'active', completed_at = null where id = $done",
      "jobs",
      /is active, and each of its steps is done/,
    ],
    [
      "a job in progress though all is done, that nobody reopened",
      "update shop.jobs set status = 'in_progress', completed_at = null where id = $done",
      "jobs",
      /is in_progress, and each of its steps is done/,
    ],
    [
      "a job that is active though a step has started",
      "update shop.jobs set status = 'active' where id = $open",
      "jobs",
      /is active, and a step of it has started/,
    ],
    [
      "a draft whose step is ready",
      "update shop.job_steps set status = 'ready' where id = $draft_step",
      "jobs",
      /is a draft, and a step of it is not pending/,
    ],
    [
      "more good pieces than were reported",
      "update shop.job_steps set qty_good = 6 where id = $running",
      "steps",
      /says that 6\.000 are good and 1\.000 scrap, its reports are 5\.000 and 1\.000/,
    ],
    [
      "pieces that nobody reported",
      "delete from shop.production_reports where step_id = $running",
      "steps",
      /its reports are 0 and 0/,
    ],
    [
      "a step that is ready before its time",
      "update shop.job_steps set status = 'ready' where id = $waiting",
      "steps",
      /is ready, and a step that it waits for is open/,
    ],
    [
      "a step that waits for nobody and is not ready",
      "update shop.job_steps set status = 'pending' where id = $other_step",
      "steps",
      /is pending, and waits for nobody/,
    ],
    [
      "a step that was forgotten when the one before it was done",
      "update shop.job_steps set status = 'skipped' where id = $running; update shop.jobs set steps_done = 1 where id = $open; update shop.time_logs set ended_at = now() where id = $log",
      "steps",
      /is pending, and waits for nobody/,
    ],
    [
      "a step that waits for a step of another job",
      "insert into shop.step_dependencies (business_id, step_id, depends_on) values ($business, $last, $other_step)",
      "dependencies",
      /step .* of job .* waits for step .* of job/,
    ],
    [
      "steps that wait for one another",
      "insert into shop.step_dependencies (business_id, step_id, depends_on) values ($business, $waiting, $last)",
      "dependencies",
      /wait for one another in a circle/,
    ],
    [
      "a log that runs though its step is paused",
      "update shop.job_steps set status = 'paused' where id = $running",
      "time",
      /\(productive\) runs, and step .* is paused/,
    ],
    [
      "a loss that goes on though its step is done",
      "insert into shop.time_logs (business_id, step_id, kind) values ($business, $done_step, 'quality_loss')",
      "time",
      /\(quality_loss\) runs, and step .* is completed/,
    ],
    [
      "an operator in two logs",
      `alter table shop.time_logs drop constraint operator_overlap; ${beside("90 minutes", "80 minutes", "$operator")}`,
      "time",
      /member .* is in log .*, and in another one at the same time/,
    ],
    [
      "an operator in a log within a long one",
      `alter table shop.time_logs drop constraint operator_overlap; ${beside("119 minutes", "118 minutes", "$operator")}
       ${beside("117 minutes", "116 minutes", "$operator")}`,
      "time",
      /member .* is in log/,
    ],
    [
      "three logs at once on a machine for two",
      beside("100 minutes", "70 minutes") + beside("90 minutes", "80 minutes"),
      "time",
      /machine .* ran 3 logs at once, it never had room for more than 2/,
    ],
    [
      "a step that is missing from its queue",
      "delete from shop.open_steps where step_id = $running",
      "queues",
      /step .* of job .* is not in its queues as it is/,
    ],
    [
      "a step that waits in a queue though it is over",
      "insert into shop.open_steps (business_id, step_id, job_id, process_id, status, priority) select business_id, id, job_id, process_id, 'ready', 'normal' from shop.job_steps where id = $done_step",
      "queues",
      /step .* of job .* is not in its queues as it is/,
    ],
    [
      "a job that was put first, and whose steps were not",
      "update shop.jobs set priority = 'urgent' where id = $open",
      "queues",
      /is not in its queues as it is/,
    ],
  ] as const)("by %s", async (_, statement, part, words) => {
    expect(await afterwards(statement)).toMatchObject({ [part]: expect.stringMatching(words) });
  });
});

describe("a shop holds", () => {
  test.each([
    [
      "where logs follow one another on a machine",
      beside("100 minutes", "90 minutes") + beside("90 minutes", "80 minutes"),
    ],
    [
      "where a machine had room once, as the audit trail knows",
      `${beside("100 minutes", "90 minutes")} update shop.machines set capacity = 1 where id = $machine;
       insert into core.audit_log (business_id, action, entity_type, entity_id, before, after)
       values ($business, 'machine.updated', 'machine', $machine, '{"capacity": 2}', '{"capacity": 1}')`,
    ],
    [
      "where steps wait for later ones and nothing goes round",
      `delete from shop.step_dependencies where step_id in ($waiting, $last);
       insert into shop.step_dependencies (business_id, step_id, depends_on) values ($business, $waiting, $last);
       update shop.job_steps set status = 'ready' where id = $last;
       update shop.open_steps set status = 'ready' where step_id = $last`,
    ],
    [
      "where somebody may do several things at once",
      `update shop.time_logs set exclusive_operator = false; ${beside("90 minutes", "80 minutes", "$operator")}`,
    ],
  ] as const)("%s", async (_, statement) => {
    expect(await afterwards(statement)).toEqual({});
  });
});
