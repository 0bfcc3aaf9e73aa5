import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { MemberRole } from "../../src/platform/enums.ts";
import { endLongLogs } from "../../src/shop/background-jobs.ts";
import { type Page, read } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { makeMachine, makeProcess } from "../helpers/shop.ts";
import {
  allowParallelWork,
  type Floor,
  lookAt,
  moved,
  oneStep,
  openFloor,
  stepsOf,
  told,
  toStep,
} from "../helpers/shop-floor.ts";

type TimeLog = {
  id: string;
  kind: string;
  reason: string | null;
  minutes: number | null;
  started_at: string;
  ended_at: string | null;
  operator_id: string | null;
  machine: string | null;
};

let api: TestApp;
let floor: Floor;
const memberOf = (role: MemberRole): string => api.alpha.people[role].member_id;

beforeAll(async () => {
  api = await startTestApp();
  floor = await openFloor(api);
});
afterAll(() => api.stop());
// What a test leaves running would keep its operator from starting.
beforeEach(async () => {
  await api.sql`delete from shop.time_logs`;
});

const get = <T>(path: string, by: MemberRole = "owner") =>
  read<T>(api.send("GET", `/api/v1${path}`, { token: floor.token[by] }));

const logsOf = async (step: string): Promise<TimeLog[]> =>
  (await get<Page<TimeLog>>(`/job-steps/${step}/time-logs`)).data;

/** Logs time straight in the database. */
async function logTime(
  step_id: string,
  [started_at, ended_at]: readonly [string, string | null],
  {
    by = "operator",
    kind = "productive",
    machine_id = null,
  }: { by?: MemberRole; kind?: string; machine_id?: string | null } = {},
): Promise<string> {
  const id = Bun.randomUUIDv7();
  const operator_id = kind === "productive" || kind === "setup" ? memberOf(by) : null;
  await api.sql`insert into shop.time_logs ${api.sql({ business_id: api.alpha.id, id, step_id, operator_id, machine_id, kind, started_at, ended_at })}`;
  return id;
}

const statusesOf = (sent: readonly Response[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of sent) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe("worked time", () => {
  test("is the sum of the logs: 12:06:25 to 12:37:25 is 31 minutes", async () => {
    const { job_id, steps } = await stepsOf(floor);
    const [step = ""] = steps;
    await logTime(step, ["2026-03-02T12:06:25Z", "2026-03-02T12:37:25Z"]);
    await logTime(step, ["2026-03-02T13:00:00Z", "2026-03-02T13:30:00Z"], { kind: "quality_loss" });
    const job = await get<{ steps: { worked_minutes: number }[] }>(`/jobs/${job_id}`);
    expect(job.steps[0]?.worked_minutes).toBe(31);
    expect((await logsOf(step)).map(({ kind, minutes }) => [kind, minutes])).toEqual([
      ["quality_loss", 30],
      ["productive", 31],
    ]);
  });

  test("outlives whoever watches: it is the database's, from the start to the end of each stretch", async () => {
    const step = await oneStep(floor, { assigned_to: memberOf("operator") });
    await moved(floor, step, "start", { by: "operator", body: { kind: "setup" } });
    await moved(floor, step, "pause", { by: "operator", body: { reason: "Lunch" } });
    await moved(floor, step, "resume", { by: "operator" });
    await moved(floor, step, "complete", { by: "operator" });
    const logs = await logsOf(step);
    expect(logs.map(({ kind, reason, operator_id }) => [kind, reason, operator_id])).toEqual([
      ["productive", null, memberOf("operator")],
      ["setup", "Lunch", memberOf("operator")],
    ]);
    expect(logs.every(({ ended_at }) => ended_at !== null)).toBe(true);
  });

  test("that is lost is logged with its kind from the pause or the block until the step goes on", async () => {
    const machine_id = await makeMachine(api.sql, api.alpha, [floor.process_id], { code: "LOSS" });
    const step = await oneStep(floor, { machine_id });
    await moved(floor, step, "start");
    await moved(floor, step, "pause", { body: { kind: "performance_loss", reason: "Slow feed" } });
    await moved(floor, step, "block", { body: { kind: "quality_loss", reason: "Smears" } });
    const [open, lost] = await logsOf(step);
    expect(open).toMatchObject({ kind: "quality_loss", ended_at: null, operator_id: null, machine: "LOSS" });
    expect(lost).toMatchObject({ kind: "performance_loss", reason: "Slow feed" });
    expect(lost?.ended_at).not.toBeNull();
    expect(await moved(floor, step, "unblock")).toMatchObject({ status: "paused", block_reason: null });
    await moved(floor, step, "resume");
    expect((await logsOf(step)).filter(({ ended_at }) => ended_at === null)).toMatchObject([
      { kind: "productive" },
    ]);
    await moved(floor, step, "complete");
    expect(await lookAt(floor, step)).toMatchObject({ status: "completed", open_logs: 0, job: "completed" });
  });

  test("is seen by roles that may view the process, and not by another business", async () => {
    const process_id = await makeProcess(api.sql, api.alpha);
    const step = await oneStep(floor, { process_id });
    const path = `/api/v1/job-steps/${step}/time-logs`;
    expect((await api.send("GET", path, { token: floor.token.operator })).status).toBe(200);
    await api.sql`insert into shop.role_process_permissions (business_id, process_id, role) values (${api.alpha.id}, ${process_id}, 'clerk')`;
    await api.forget();
    await expectProblem(api.send("GET", path, { token: floor.token.operator }), "process_not_permitted");
    expect((await api.send("GET", path, { token: floor.token.clerk })).status).toBe(200);
    const token = await api.token(api.bravo.people.owner);
    await expectProblem(api.send("GET", path, { token }), "not_found");
  });

  test("is paged, newest first", async () => {
    const step = await oneStep(floor);
    for (const hour of ["07", "08", "09"])
      await logTime(step, [`2026-03-01T${hour}:00:00Z`, `2026-03-01T${hour}:${hour}:00Z`]);
    const first = await get<Page<TimeLog>>(`/job-steps/${step}/time-logs?limit=2`);
    const next = await get<Page<TimeLog>>(
      `/job-steps/${step}/time-logs?limit=2&cursor=${first.meta.next_cursor}`,
    );
    expect([...first.data, ...next.data].map(({ minutes }) => minutes)).toEqual([9, 8, 7]);
    expect(next.meta.next_cursor).toBeNull();
  });
});

describe("an operator", () => {
  test("has logs 10–11 and 11–12, and then none 10:30–10:40", async () => {
    const [one, two, three] = [await oneStep(floor), await oneStep(floor), await oneStep(floor)];
    await logTime(one, ["2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z"]);
    await logTime(two, ["2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z"]);
    expect(logTime(three, ["2026-03-03T10:30:00Z", "2026-03-03T10:40:00Z"])).rejects.toThrow(
      "operator_overlap",
    );
    await logTime(three, ["2026-03-03T10:30:00Z", "2026-03-03T10:40:00Z"], { by: "manager" });
  });

  test("runs one step at a time, whoever starts it, or several while shop.parallel_work is on", async () => {
    const assigned_to = memberOf("operator");
    const [one = "", two = "", three = ""] = (
      await stepsOf(floor, [
        { assigned_to },
        { assigned_to, depends_on: [] },
        { assigned_to, depends_on: [] },
      ])
    ).steps;
    await moved(floor, one, "start", { by: "operator" });
    await expectProblem(toStep(floor, two, "start", { by: "owner" }), "operator_overlap");
    await moved(floor, one, "pause");
    await moved(floor, two, "start", { by: "operator" });
    await expectProblem(toStep(floor, one, "resume", { by: "operator" }), "operator_overlap");
    await allowParallelWork(floor, true);
    await moved(floor, one, "resume", { by: "operator" });
    await allowParallelWork(floor, false);
    // Those that run already go on; no other one is added.
    await expectProblem(toStep(floor, three, "start", { by: "operator" }), "operator_overlap");
    await moved(floor, one, "complete", { by: "operator" });
    await moved(floor, two, "complete", { by: "operator" });
  });

  test("who starts many at once has one", async () => {
    const assigned_to = memberOf("operator");
    const steps = await Promise.all(Array.from({ length: 8 }, () => oneStep(floor, { assigned_to })));
    const sent = await Promise.all(steps.map((step) => toStep(floor, step, "start", { by: "operator" })));
    expect(statusesOf(sent)).toEqual({ 200: 1, 409: 7 });
  });
});

describe("a machine", () => {
  test.each([1, 3])(
    "of capacity %d takes as many of 30 starts at once, each by somebody else",
    async (capacity) => {
      await allowParallelWork(floor, true);
      const machine_id = await makeMachine(api.sql, api.alpha, [floor.process_id], { capacity });
      const steps = await Promise.all(Array.from({ length: 30 }, () => oneStep(floor, { machine_id })));
      const by = ["owner", "admin", "manager", "operator"] as const;
      const start = (step: string, n: number) =>
        toStep(floor, step, "start", { by: by[n % by.length] ?? "owner" });
      const sent = await Promise.all(steps.map(start));
      expect(statusesOf(sent)).toEqual({ 200: capacity, 409: 30 - capacity });
      const refused = await Promise.all(
        sent.filter(({ status }) => status === 409).map((one) => read<{ code: string }>(one)),
      );
      expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["machine_overlap"]));
      await allowParallelWork(floor, false);
    },
  );

  test("takes another one when one of them stops, and those that are blocked or paused do not count", async () => {
    await allowParallelWork(floor, true);
    const machine_id = await makeMachine(api.sql, api.alpha, [floor.process_id], { capacity: 2 });
    const [one = "", two = "", three = ""] = await Promise.all(
      [1, 2, 3].map(() => oneStep(floor, { machine_id })),
    );
    await moved(floor, one, "start");
    await moved(floor, two, "start");
    await expectProblem(toStep(floor, three, "start"), "machine_overlap");
    await moved(floor, one, "pause", { body: { kind: "quality_loss" } });
    await moved(floor, three, "start");
    await expectProblem(toStep(floor, one, "resume"), "machine_overlap");
    expect((await lookAt(floor, one)).open_logs).toBe(1);
    await moved(floor, two, "block", { body: { reason: "x" } });
    await moved(floor, one, "resume");
    // Its place is taken: it waits for somebody to go on with it.
    expect((await moved(floor, two, "unblock")).status).toBe("paused");
    await moved(floor, one, "complete");
    await moved(floor, two, "resume");
    await moved(floor, two, "block", { body: { reason: "x" } });
    expect(await moved(floor, two, "unblock")).toMatchObject({ status: "in_progress" });
    expect((await lookAt(floor, two)).open_logs).toBe(1);
    await allowParallelWork(floor, false);
  });

  test("is judged by the highest number at one instant, not by how many logs there are", async () => {
    const machine_id = await makeMachine(api.sql, api.alpha, [floor.process_id], { capacity: 2 });
    const own = { machine_id, exclusive_machine: false, exclusive_operator: false };
    const step_id = await oneStep(floor, { machine_id });
    const peak = async (from: string, to: string) =>
      (await api.sql`select shop.machine_peak(${api.alpha.id}, ${machine_id}, ${from}, ${to}) as n`)[0].n;
    const logs = [
      ["10:00", "11:00"],
      ["11:00", "12:00"],
      ["11:30", "11:40"],
      ["11:40", "11:50"],
    ].map(([from, to]) => ({
      ...own,
      business_id: api.alpha.id,
      id: Bun.randomUUIDv7(),
      step_id,
      started_at: `2026-03-04T${from}:00Z`,
      ended_at: `2026-03-04T${to}:00Z`,
    }));
    await api.sql`insert into shop.time_logs ${api.sql(logs)}`;
    expect(await peak("2026-03-04T10:30:00Z", "2026-03-04T10:40:00Z")).toBe(1);
    expect(await peak("2026-03-04T10:30:00Z", "2026-03-04T11:30:00Z")).toBe(1);
    expect(await peak("2026-03-04T10:30:00Z", "infinity")).toBe(2);
    expect(await peak("2026-03-04T12:00:00Z", "infinity")).toBe(0);
    expect(await peak("2026-03-04T09:00:00Z", "2026-03-04T10:00:00Z")).toBe(0);
    await expectOverlap("2026-03-04T10:30:00Z", "2026-03-04T10:40:00Z");
  });

  async function expectOverlap(started_at: string, ended_at: string): Promise<void> {
    const machine_id = await makeMachine(api.sql, api.alpha, [floor.process_id]);
    const [one, two] = [await oneStep(floor), await oneStep(floor)];
    await logTime(one, ["2026-03-04T10:00:00Z", "2026-03-04T11:00:00Z"], { by: "admin", machine_id });
    await logTime(two, ["2026-03-04T11:00:00Z", "2026-03-04T12:00:00Z"], { by: "admin", machine_id });
    expect(logTime(two, [started_at, ended_at], { by: "manager", machine_id })).rejects.toThrow(
      "machine_overlap",
    );
    await logTime(two, [started_at, ended_at], { kind: "quality_loss", machine_id });
  }

  test("that is down, archived, or cannot do the process runs nothing", async () => {
    const process_id = await makeProcess(api.sql, api.alpha);
    const machine_id = await makeMachine(api.sql, api.alpha, [process_id]);
    const step = await oneStep(floor, { process_id, machine_id });
    const start = () => toStep(floor, step, "start");
    for (const status of ["maintenance", "inactive"]) {
      await api.sql`update shop.machines set status = ${status} where id = ${machine_id}`;
      await expectProblem(start(), "machine_unavailable");
    }
    await api.sql`update shop.machines set status = 'active', is_active = false where id = ${machine_id}`;
    await expectProblem(start(), "machine_unavailable");
    await api.sql`update shop.machines set is_active = true where id = ${machine_id}`;
    await api.sql`insert into shop.time_logs (business_id, machine_id, kind) values (${api.alpha.id}, ${machine_id}, 'availability_loss')`;
    await expectProblem(start(), "machine_unavailable");
    await api.sql`update shop.time_logs set ended_at = clock_timestamp() where machine_id = ${machine_id}`;
    await api.sql`delete from shop.machine_processes where machine_id = ${machine_id}`;
    await expectProblem(start(), "machine_process_mismatch");
    expect(await lookAt(floor, step)).toMatchObject({ status: "ready", open_logs: 0 });
  });

  test("is chosen at the start, one of the business that can do the process", async () => {
    const step = await oneStep(floor);
    const foreign = await makeMachine(api.sql, api.bravo, []);
    await expectProblem(
      toStep(floor, step, "start", { body: { machine_id: foreign } }),
      "reference_not_found",
    );
    const other = await makeMachine(api.sql, api.alpha, []);
    await expectProblem(
      toStep(floor, step, "start", { body: { machine_id: other } }),
      "machine_process_mismatch",
    );
    const machine_id = await makeMachine(api.sql, api.alpha, [floor.process_id]);
    const started = await moved(floor, step, "start", { body: { machine_id: machine_id.toUpperCase() } });
    expect(started.machine?.id).toBe(machine_id);
    expect((await logsOf(step))[0]).toMatchObject({ machine: `M-${machine_id}`, ended_at: null });
  });
});

describe("a log that is open for 24 hours", () => {
  const age = (step: string, hours: number) =>
    api.sql`update shop.time_logs set started_at = now() - make_interval(hours => ${hours}) where step_id = ${step} and ended_at is null`;

  test("of work is ended as of then, its step paused, and its operator told, once", async () => {
    const { job_id, steps } = await stepsOf(floor, [{ assigned_to: memberOf("operator") }]);
    const [step = ""] = steps;
    await moved(floor, step, "start", { by: "operator" });
    await age(step, 23);
    expect(await endLongLogs(api.deps)).toBe(false);
    expect((await lookAt(floor, step)).status).toBe("in_progress");
    expect((await get<Page<{ status: string }>>("/me/queue", "operator")).data[0]?.status).toBe(
      "in_progress",
    );
    await age(step, 30);
    await Promise.all([endLongLogs(api.deps), endLongLogs(api.deps)]);
    expect(await lookAt(floor, step)).toMatchObject({ status: "paused", open_logs: 0, job: "in_progress" });
    const [{ tags }] =
      await api.sql`select array_agg(t order by t) as tags from core.cache_outbox, unnest(tags) t`;
    expect(tags).toContain(`b:${api.alpha.id}|shop_jobs:${job_id}`);
    await told(floor, job_id);
    expect((await logsOf(step)).map(({ minutes }) => minutes)).toEqual([24 * 60]);
    const notes =
      await api.sql`select user_id, type from core.notifications where ref_id = ${step} and type = 'shop.step_paused'`;
    expect([...notes]).toEqual([{ user_id: api.alpha.people.operator.user_id, type: "shop.step_paused" }]);
    await moved(floor, step, "complete", { by: "operator" });
  });

  test("of a loss goes on in logs of 24 hours, and the open one keeps its id", async () => {
    const { job_id, steps } = await stepsOf(floor);
    const [step = ""] = steps;
    await moved(floor, step, "block", { body: { reason: "No paper", kind: "availability_loss" } });
    const [before] = await logsOf(step);
    await age(step, 60);
    await endLongLogs(api.deps);
    await told(floor, job_id);
    const [open, ...ended] = await logsOf(step);
    expect(open).toMatchObject({ id: before?.id, ended_at: null, reason: "No paper" });
    expect(Math.round((Date.now() - Date.parse(open?.started_at ?? "")) / 3_600_000)).toBe(12);
    expect(ended.map(({ kind, minutes }) => [kind, minutes])).toEqual([
      ["availability_loss", 1_440],
      ["availability_loss", 1_440],
    ]);
    expect((await lookAt(floor, step)).status).toBe("blocked");
  });

  test("is left alone while somebody is at its job, and another one is ended meanwhile", async () => {
    const [held, free] = [await stepsOf(floor), await stepsOf(floor)];
    const [one = "", two = ""] = [...held.steps, ...free.steps];
    await moved(floor, one, "start", { by: "owner" });
    await moved(floor, two, "start", { by: "admin" });
    await age(one, 40);
    await age(two, 39);
    await api.sql.begin(async (transaction) => {
      await transaction`select 1 from shop.jobs where id = ${held.job_id} for no key update`;
      await endLongLogs(api.deps);
    });
    expect([(await lookAt(floor, one)).status, (await lookAt(floor, two)).status]).toEqual([
      "in_progress",
      "paused",
    ]);
    await endLongLogs(api.deps);
    expect((await lookAt(floor, one)).status).toBe("paused");
  });
});
