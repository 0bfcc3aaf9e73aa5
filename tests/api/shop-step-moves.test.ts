import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { allows } from "../../src/http/policy.ts";
import { type MemberRole, type StepStatus, stepStatuses } from "../../src/platform/enums.ts";
import { type StepAction, stepMoves } from "../../src/shop/step-moves.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { makeProcess } from "../helpers/shop.ts";
import {
  allowParallelWork,
  type Floor,
  lookAt,
  moved,
  oneStep,
  openFloor,
  putStep,
  stepsOf,
  toStep,
} from "../helpers/shop-floor.ts";

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
  await api.sql`update shop.time_logs set ended_at = clock_timestamp() where ended_at is null`;
});

const actions = [...new Set(stepMoves.map(({ action }) => action))];
const bodyOf = (action: StepAction) => (action === "block" ? { reason: "No paper" } : undefined);
const isOfStaff = (action: StepAction) => action === "skip" || action === "reopen";

const statusesOf = (sent: readonly Response[]): number[] =>
  sent.map(({ status }) => status).toSorted((left, right) => left - right);

/** Who tries, and whose the step is. */
const tries: readonly (readonly [by: MemberRole, of: MemberRole])[] = [
  ["owner", "operator"],
  ["admin", "operator"],
  ["manager", "operator"],
  ["operator", "operator"],
  ["operator", "manager"],
  ["clerk", "operator"],
];

/** What the table says; of several moves the one from `blocked` goes back to where `putStep` says that the step was. */
function expectedOf(status: StepStatus, action: StepAction, [by, of]: (typeof tries)[number]): string {
  if (!allows(isOfStaff(action) ? "job_steps.manage" : "job_steps.work", by)) return "403 forbidden";
  if (by === "operator" && of !== "operator") return "403 process_not_permitted";
  const move = stepMoves.find((one) => one.action === action && one.from === status);
  return move === undefined ? "409 illegal_transition" : `200 ${move.to}`;
}

/** In a job with another step, so that the job goes on whatever becomes of this one. */
async function stepIn(status: StepStatus, of: MemberRole): Promise<string> {
  const job = await stepsOf(floor, [{}, { assigned_to: memberOf(of) }, { depends_on: [] }]);
  const [before = "", step = ""] = job.steps;
  if (status !== "pending") await putStep(floor, before, "skipped");
  await putStep(floor, step, status);
  return step;
}

describe("every move of the table", () => {
  test.each(stepStatuses)(
    "from %s, by everybody in the shop",
    async (status) => {
      await allowParallelWork(floor, true);
      const resting = {
        operator: await stepIn(status, "operator"),
        manager: await stepIn(status, "manager"),
      };
      const wrong: string[] = [];
      const allowed = [...new Set(stepMoves.filter(({ from }) => from === status).map(({ to }) => to))];
      for (const action of actions)
        for (const [by, of] of tries) {
          const expected = expectedOf(status, action, [by, of]);
          const id = expected.startsWith("200") ? await stepIn(status, of) : resting[of as "operator"];
          const response = await toStep(floor, id, action, { by, body: bodyOf(action) });
          const body = (await response.json()) as Record<string, unknown>;
          const answered = `${response.status} ${String(body["code"] ?? body["status"])}`;
          const told =
            response.status !== 409 ||
            Bun.deepEquals(
              [body["from"], (body["allowed"] as string[]).toSorted()],
              [status, allowed.toSorted()],
            );
          if (answered !== expected || !told)
            wrong.push(`${action} by ${by} of ${of}: ${answered}, not ${expected}`);
        }
      expect(wrong).toEqual([]);
      for (const id of Object.values(resting)) expect((await lookAt(floor, id)).status).toBe(status);
      await allowParallelWork(floor, false);
    },
    20_000,
  );

  test("of a step of another business, or of none, is 404, whoever asks", async () => {
    const step = await oneStep(floor);
    const token = await api.token(api.bravo.people.owner);
    for (const action of [...actions, "production"] as const) {
      const body = action === "production" ? { qty_good: 1 } : bodyOf(action);
      const sent = { token, ...(body === undefined ? {} : { body }) };
      await expectProblem(api.send("POST", `/api/v1/job-steps/${step}/${action}`, sent), "not_found");
      await expectProblem(toStep(floor, Bun.randomUUIDv7(), action, { body }), "not_found");
    }
    expect(await lookAt(floor, step)).toMatchObject({ status: "ready", open_logs: 0 });
  });

  test("may carry If-Match: a stale one is 412, the current one moves, and so does none", async () => {
    const step = await oneStep(floor, { assigned_to: memberOf("admin") });
    const first = await toStep(floor, step, "start", { by: "admin" });
    const etag = first.headers.get("etag") ?? "";
    const { version } = (await first.json()) as { version: number };
    const stale = { "if-match": `"${version - 1}"` };
    await expectProblem(toStep(floor, step, "pause", { headers: stale }), "precondition_failed");
    expect((await toStep(floor, step, "pause", { headers: { "if-match": etag } })).status).toBe(200);
    await moved(floor, step, "complete");
  });

  test("is answered again with the same bytes under its key, and done once", async () => {
    const step = await oneStep(floor);
    const headers = { "idempotency-key": crypto.randomUUID() };
    const [one, two] = [
      await toStep(floor, step, "start", { headers }),
      await toStep(floor, step, "start", { headers }),
    ];
    expect(await two.text()).toBe(await one.text());
    expect(two.headers.get("idempotency-replayed")).toBe("true");
    await moved(floor, step, "complete");
  });

  test.each([
    ["block", {}],
    ["block", { reason: " " }],
    ["block", { reason: "x", kind: "productive" }],
    ["start", { kind: "quality_loss" }],
    ["start", { machine_id: "M1" }],
    ["start", { step: 1 }],
    ["pause", { kind: "setup" }],
    ["complete", { qty_good: -1 }],
    ["complete", { qty_good: 0.0005 }],
    ["production", {}],
    ["production", { qty_good: 0, qty_scrap: 0 }],
    ["production", { qty_good: 1e15 }],
    ["production", { qty_good: "1" }],
  ])("%s refuses %j", async (action, body) => {
    const step = await stepIn("in_progress", "operator");
    const response = await toStep(floor, step, action, { by: "operator", body });
    await expectProblem(response, "validation");
  });
});

describe("a step whose job", () => {
  test.each(["draft", "on_hold", "cancelled"])("is %s does not move, and says so", async (status) => {
    const { job_id, steps } = await stepsOf(floor, [{}, {}]);
    await api.sql`update shop.jobs set status = ${status}, hold_reason = case when ${status} = 'on_hold' then 'x' end,
        status_before_hold = case when ${status} = 'on_hold' then 'active'::shop.job_status end where id = ${job_id}`;
    const refused = await expectProblem(toStep(floor, steps[0] ?? "", "start"), "illegal_transition");
    expect(refused).toMatchObject({ from: "ready", to: "in_progress", allowed: [], job_status: status });
  });

  test("is completed does not move but by reopen, and the job is in progress again", async () => {
    const step = await oneStep(floor);
    await moved(floor, step, "start");
    await moved(floor, step, "complete");
    expect((await lookAt(floor, step)).job).toBe("completed");
    const refused = await expectProblem(toStep(floor, step, "complete"), "illegal_transition");
    expect(refused).toMatchObject({ from: "completed", allowed: ["ready"], job_status: "completed" });
    expect(await moved(floor, step, "reopen")).toMatchObject({ status: "ready", completed_at: null });
    expect(await lookAt(floor, step)).toMatchObject({ job: "in_progress" });
  });
});

describe("reopening", () => {
  test("is refused once a step that waited has started, and lets others wait again", async () => {
    const { steps } = await stepsOf(floor, [{}, { depends_on: [1] }, { depends_on: [1] }]);
    const [first = "", second = "", third = ""] = steps;
    await moved(floor, first, "start");
    await moved(floor, first, "complete");
    await moved(floor, third, "block", { body: { reason: "x" } });
    await moved(floor, first, "reopen", { body: { reason: "Two sheets were missing" } });
    expect((await lookAt(floor, second)).status).toBe("pending");
    // What was ready before it was blocked waits again, too.
    expect((await moved(floor, third, "unblock")).status).toBe("pending");
    const notes = await api.sql`select note, author_id from shop.step_notes where step_id = ${first}`;
    expect([...notes]).toEqual([{ note: "Two sheets were missing", author_id: memberOf("owner") }]);
    await moved(floor, first, "start");
    await moved(floor, first, "complete");
    await moved(floor, second, "start", { by: "manager" });
    await expectProblem(toStep(floor, first, "reopen"), "dependent_started");
    await moved(floor, second, "block", { body: { reason: "x" } });
    await expectProblem(toStep(floor, first, "reopen"), "dependent_started");
    await moved(floor, second, "unblock", { by: "manager" });
    await moved(floor, second, "complete");
    await expectProblem(toStep(floor, first, "reopen"), "dependent_started");
  });

  test("does not mind a step that was skipped before it waited no more", async () => {
    const { steps } = await stepsOf(floor, [{}, {}, {}]);
    const [first = "", second = "", third = ""] = steps;
    await moved(floor, second, "skip");
    await moved(floor, first, "start");
    await moved(floor, first, "complete");
    expect((await lookAt(floor, third)).status).toBe("ready");
    await moved(floor, first, "reopen");
  });
});

describe("operators", () => {
  test("start what is nobody's, and then it is theirs alone", async () => {
    const step = await oneStep(floor);
    expect(await moved(floor, step, "start", { by: "operator" })).toMatchObject({
      assigned_to: memberOf("operator"),
    });
    const [log] = await api.sql`select operator_id, kind from shop.time_logs where step_id = ${step}`;
    expect(log).toEqual({ operator_id: memberOf("operator"), kind: "productive" });
    await api.sql`update shop.job_steps set assigned_to = ${memberOf("manager")} where id = ${step}`;
    for (const action of ["pause", "complete", "production"]) {
      const body = action === "production" ? { qty_good: 1 } : undefined;
      await expectProblem(toStep(floor, step, action, { by: "operator", body }), "process_not_permitted");
    }
    await moved(floor, step, "complete");
  });

  test("work only on processes that their role is let into; staff are never shut out", async () => {
    const process_id = await makeProcess(api.sql, api.alpha);
    await api.sql`insert into shop.role_process_permissions (business_id, process_id, role, can_work)
      values (${api.alpha.id}, ${process_id}, 'clerk', true)`;
    const step = await oneStep(floor, { process_id });
    await expectProblem(toStep(floor, step, "start", { by: "operator" }), "process_not_permitted");
    await moved(floor, step, "start", { by: "manager" });
    await api.sql`insert into shop.role_process_permissions (business_id, process_id, role, can_work)
      values (${api.alpha.id}, ${process_id}, 'operator', true)`;
    await api.sql`update shop.job_steps set assigned_to = ${memberOf("operator")} where id = ${step}`;
    await moved(floor, step, "complete", { by: "operator" });
  });
});

describe("people are told", () => {
  const toldOf = async (ref_id: string) =>
    (
      await api.sql`select u.username, n.type from core.notifications n join core.users u on u.id = n.user_id
      where n.ref_id = ${ref_id} order by u.username, n.type`
    ).map(({ username, type }: { username: string; type: string }) => `${username} ${type}`);

  test("staff and the operator that a step is blocked, whoever did it not", async () => {
    const step = await oneStep(floor, { assigned_to: memberOf("operator") });
    await moved(floor, step, "block", { by: "manager", body: { reason: "No paper" } });
    expect(await toldOf(step)).toEqual([
      "alpha.admin shop.step_blocked",
      "alpha.operator shop.step_blocked",
      "alpha.operator shop.step_ready",
      "alpha.owner shop.step_blocked",
    ]);
  });

  test("an operator that their step is ready, once", async () => {
    const { steps } = await stepsOf(floor, [
      {},
      { depends_on: [] },
      { depends_on: [1, 2], assigned_to: memberOf("operator") },
    ]);
    const [one = "", two = "", three = ""] = steps;
    await moved(floor, one, "start");
    await moved(floor, one, "complete");
    expect(await toldOf(three)).toEqual([]);
    await moved(floor, two, "start");
    await moved(floor, two, "complete");
    expect(await toldOf(three)).toEqual(["alpha.operator shop.step_ready"]);
  });
});

describe("at once from two tablets", () => {
  test.each(actions)("%s is one 200 and one 409", async (action) => {
    const { from } = stepMoves.find((move) => move.action === action) ?? { from: "ready" as const };
    for (let round = 0; round < 4; round += 1) {
      const step = await stepIn(from, "operator");
      const by = ["owner", "manager"] as const;
      const sent = await Promise.all(
        by.map((who) => toStep(floor, step, action, { by: who, body: bodyOf(action) })),
      );
      expect(statusesOf(sent)).toEqual([200, 409]);
      await api.sql`update shop.time_logs set ended_at = clock_timestamp() where ended_at is null`;
    }
  });

  test("the last two branches are completed: the step that waited is ready once, and its job follows", async () => {
    await allowParallelWork(floor, true);
    for (let round = 0; round < 6; round += 1) {
      const { steps } = await stepsOf(floor, [
        {},
        { depends_on: [] },
        { depends_on: [1, 2], assigned_to: memberOf("operator") },
      ]);
      const [one = "", two = "", three = ""] = steps;
      for (const step of [one, two]) await moved(floor, step, "start");
      const sent = await Promise.all([one, two, one, two].map((step) => toStep(floor, step, "complete")));
      expect(statusesOf(sent)).toEqual([200, 200, 409, 409]);
      expect(await lookAt(floor, three)).toMatchObject({ status: "ready", job: "in_progress" });
      const [{ ready }] = await api.sql`select count(*)::int as ready from core.audit_log
        where entity_type = 'job_step' and entity_id = ${three} and after ->> 'status' = 'ready'
          and before ->> 'status' = 'pending'`;
      expect(ready).toBe(1);
    }
    await allowParallelWork(floor, false);
  });
});
