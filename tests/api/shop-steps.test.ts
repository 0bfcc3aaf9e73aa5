import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { MemberRole } from "../../src/platform/enums.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { at, type Desk, openDesk, type Step } from "../helpers/shop-desk.ts";
import { makeMachine, makeProcess } from "../helpers/shop.ts";

let api: TestApp;
let send: Desk["send"];
let sent: Desk["sent"];
let jobOf: Desk["jobOf"];
let look: Desk["look"];
let expectRefusal: Desk["expectRefusal"];
let put: Desk["put"];
let makeClosed: Desk["makeClosed"];
let process_id: Desk["process_id"];
let tokens: Desk["tokens"];

beforeAll(async () => {
  api = await startTestApp();
  ({ send, sent, jobOf, look, expectRefusal, put, makeClosed, process_id, tokens } = await openDesk(api));
});
afterAll(() => api.stop());

const memberOf = (role: MemberRole): string => api.alpha.people[role].member_id;

describe("a step is added", () => {
  test("last and behind the last one, or at its place and behind what it names; others move on", async () => {
    const job = await jobOf([{}, {}]);
    const add = (body: object) =>
      sent("POST", `/jobs/${job.job_id}/steps`, { body: { process_id, ...body }, by: "clerk" });
    const last = await add({});
    expect(last).toMatchObject({ position: 3, status: "pending", est_minutes: 30, allowance_bps: 0 });
    const second = await add({
      position: 2,
      depends_on: [at(job, 2), at(job, 2).toUpperCase()],
      qty_target: 12.5,
    });
    const first = await add({ position: 1, est_minutes: 0 });
    const free = await add({ depends_on: [] });
    const ids = [...job.steps, last.id, second.id, first.id, free.id];
    expect(await look(job, ids)).toBe("5 ready, 1 ready, 4 pending <2, 2 pending <1, 3 pending <2, 6 ready");
    expect(second.qty_target).toBe(12.5);
    await expectRefusal(
      send("POST", `/jobs/${job.job_id}/steps`, { body: { process_id, position: 8 } }),
      "validation",
      "/position",
    );
  });

  test("to a draft it waits, to a job that is over it is refused", async () => {
    const draft = await jobOf([], { status: "draft" });
    const step = await sent("POST", `/jobs/${draft.job_id}/steps`, { body: { process_id } });
    expect(step).toMatchObject({ status: "pending", position: 1 });
    const job = await jobOf([{}]);
    await put(at(job, 1), "completed");
    const path = `/jobs/${job.job_id}/steps`;
    const refused = await expectProblem(send("POST", path, { body: { process_id } }), "illegal_transition");
    expect(refused).toMatchObject({
      from: "completed",
      to: "completed",
      allowed: [],
      job_status: "completed",
    });
    await expectProblem(send("PUT", `${path}/order`, { body: job.steps }), "illegal_transition");
    await expectProblem(
      send("PATCH", `/job-steps/${at(job, 1)}`, { body: { est_minutes: 1 } }),
      "illegal_transition",
    );
    await expectProblem(send("DELETE", `/job-steps/${at(job, 1)}`), "illegal_transition");
  });

  test("once for a key, and never twice over", async () => {
    const job = await jobOf([{}]);
    const asked = { body: { process_id }, headers: { "idempotency-key": crypto.randomUUID() } };
    const path = `/jobs/${job.job_id}/steps`;
    const [first, second] = [await send("POST", path, asked), await send("POST", path, asked)];
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    const text = await first.text();
    expect(await second.text()).toBe(text);
    expect(first.headers.get("location")).toBe(`/api/v1/job-steps/${(JSON.parse(text) as Step).id}`);
    expect(await look(job, job.steps)).toBe("1 ready, 0 pending <1");
  });

  test("of a process, machine, member or step that cannot be is refused, and leaves nothing", async () => {
    const job = await jobOf([{}]);
    const [other, foreign] = [await jobOf([{}]), await makeProcess(api.sql, api.bravo)];
    const machine_id = await makeMachine(api.sql, api.alpha, []);
    const closed = await makeClosed({ operator: "view work" });
    const refusals = [
      [{ process_id: foreign }, "reference_not_found", "/process_id"],
      [{ machine_id }, "machine_process_mismatch"],
      [{ machine_id: process_id }, "reference_not_found", "/machine_id"],
      [{ assigned_to: memberOf("clerk") }, "reference_not_found", "/member_id"],
      [{ depends_on: [at(other, 1)] }, "validation", "/depends_on"],
      [{ process_id: closed, assigned_to: memberOf("operator") }, "process_not_permitted"],
      [
        { planned_start: "2026-01-02T00:00:00Z", planned_end: "2026-01-01T00:00:00Z" },
        "validation",
        "/planned_end",
      ],
      [{ qty_target: 0 }, "validation"],
      [{ qty_target: 0.0001 }, "validation"],
      [{ est_minutes: -1 }, "validation"],
      [{ status: "ready" }, "validation"],
    ] as const;
    for (const [body, code, pointer] of refusals)
      await expectRefusal(
        send("POST", `/jobs/${job.job_id}/steps`, { body: { process_id, ...body }, by: "clerk" }),
        code,
        pointer,
      );
    expect(await look(job, job.steps)).toBe("1 ready");
  });

  test("twenty at once stand one behind the other", async () => {
    const job = await jobOf([]);
    const added = await Promise.all(
      Array.from({ length: 20 }, () => sent("POST", `/jobs/${job.job_id}/steps`, { body: { process_id } })),
    );
    const ids = added.toSorted((a, b) => a.position - b.position).map(({ id }) => id);
    const chain = ids.map((_, n) => (n === 0 ? "1 ready" : `${n + 1} pending <${n}`)).join(", ");
    expect(await look(job, ids)).toBe(chain);
  });
});

describe("the order of steps", () => {
  test("is all of them, once each, at the version of the job; what waits for what stays", async () => {
    const job = await jobOf([{}, {}, { depends_on: [] }]);
    const path = `/jobs/${job.job_id}/steps/order`;
    const [a, b, c] = [at(job, 1), at(job, 2), at(job, 3)];
    const { version } = await sent<{ version: number }>("GET", `/jobs/${job.job_id}`);
    const exact = { "if-match": `"${version}"` };
    const moved = await sent<{ steps: Step[]; version: number }>("PUT", path, {
      body: [c, a.toUpperCase(), b],
      by: "clerk",
      headers: exact,
    });
    expect(moved.steps.map(({ id }) => id)).toEqual([c, a, b]);
    expect(moved.version).toBe(version + 1);
    expect(await look(job, job.steps)).toBe("3 ready, 1 ready, 2 pending <1");
    await expectProblem(send("PUT", path, { body: [a, b, c], headers: exact }), "precondition_failed");
    for (const body of [[a, b], [a, b, b], [a, b, c, c], [a, b, process_id], []])
      await expectProblem(send("PUT", path, { body }), "validation");
    expect(await look(job, job.steps)).toBe("3 ready, 1 ready, 2 pending <1");
  });
});

describe("a step is changed", () => {
  test("member by member; what it waits for decides at once whether it is ready", async () => {
    const job = await jobOf([{}, {}, {}]);
    const change = (index: number, body: object) => sent("PATCH", `/job-steps/${at(job, index)}`, { body });
    const step = await change(2, {
      est_minutes: 5,
      qty_target: 3.125,
      allowance_bps: 500,
      instructions: "Slowly",
    });
    expect(step).toMatchObject({
      est_minutes: 5,
      qty_target: 3.125,
      allowance_bps: 500,
      instructions: "Slowly",
    });
    expect(await change(2, { est_minutes: null })).toMatchObject({ est_minutes: null, qty_target: 3.125 });
    expect(await change(3, { depends_on: [] })).toMatchObject({ status: "ready", depends_on: [] });
    expect(await change(1, { depends_on: [at(job, 3)] })).toMatchObject({ status: "pending" });
    expect(await look(job, job.steps)).toBe("1 pending <3, 2 pending <1, 3 ready");
    const other = await jobOf([{}]);
    for (const [depends_on, code] of [
      [[at(job, 2)], "dependency_cycle"],
      [[at(job, 3)], "validation"],
      [[at(other, 1)], "validation"],
    ] as const)
      await expectRefusal(
        send("PATCH", `/job-steps/${at(job, 3)}`, { body: { depends_on } }),
        code,
        code === "validation" ? "/depends_on" : undefined,
      );
    expect(await look(job, job.steps)).toBe("1 pending <3, 2 pending <1, 3 ready");
  });

  test("at the version that the caller knows: without it 428, with a stale one 412", async () => {
    const job = await jobOf([{}]);
    const path = `/job-steps/${at(job, 1)}`;
    const etag = (await send("GET", path)).headers.get("etag") ?? "";
    const body = { est_minutes: 1 };
    await sent("PATCH", path, { body, headers: { "if-match": etag } });
    await expectProblem(send("PATCH", path, { body, headers: { "if-match": etag } }), "precondition_failed");
    const bare = api.send("PATCH", `/api/v1${path}`, { token: tokens["owner"] ?? "", body });
    await expectProblem(bare, "precondition_required");
    for (const [method, at_path] of [
      ["DELETE", path],
      ["PUT", `${path}/assignment`],
    ] as const)
      await expectProblem(
        send(method, at_path, {
          headers: { "if-match": etag },
          ...(method === "PUT" ? { body: { member_id: null } } : {}),
        }),
        "precondition_failed",
      );
  });

  test("not in its process or what it waits for once it was started, and not at all once it has ended", async () => {
    const [job, next] = [await jobOf([{}, { depends_on: [] }]), await makeProcess(api.sql, api.alpha)];
    const path = `/job-steps/${at(job, 1)}`;
    await put(at(job, 1), "paused");
    for (const body of [{ process_id: next }, { depends_on: [] }])
      await expectProblem(send("PATCH", path, { body }), "illegal_transition");
    expect(await sent("PATCH", path, { body: { est_minutes: 9, process_id } })).toMatchObject({
      est_minutes: 9,
    });
    await put(at(job, 1), "completed");
    await expectProblem(send("PATCH", path, { body: { est_minutes: 1 } }), "illegal_transition");
  });

  test("never below what was made", async () => {
    const job = await jobOf([{ qty_target: 10 }]);
    await api.sql`update shop.job_steps set qty_good = 10 where id = ${at(job, 1)}`;
    const path = `/job-steps/${at(job, 1)}`;
    await expectProblem(send("PATCH", path, { body: { qty_target: 9 } }), "over_production");
    expect((await sent("PATCH", path, { body: { qty_target: 5, allowance_bps: 10_000 } })).qty_target).toBe(
      5,
    );
  });

  test("to a process that its machine can do, and that its member may work on", async () => {
    const [wide, narrow] = [await makeProcess(api.sql, api.alpha), await makeProcess(api.sql, api.alpha)];
    const machine_id = await makeMachine(api.sql, api.alpha, [process_id, wide]);
    const job = await jobOf([{ machine_id }]);
    const path = `/job-steps/${at(job, 1)}`;
    expect((await sent("PATCH", path, { body: { process_id: wide } })).process.id).toBe(wide);
    await expectProblem(send("PATCH", path, { body: { process_id: narrow } }), "machine_process_mismatch");
  });
});

describe("a step is removed", () => {
  test("and what waited for it waits for what it waited for", async () => {
    const job = await jobOf([{}, { depends_on: [] }, { depends_on: [1, 2] }, {}, { depends_on: [3] }]);
    await sent("DELETE", `/job-steps/${at(job, 3)}`, { by: "manager" });
    expect(await look(job, job.steps)).toBe("1 ready, 2 ready, 4 pending <1 <2, 5 pending <1 <2");
    await expectProblem(send("GET", `/job-steps/${at(job, 3)}`), "not_found");
    await put(at(job, 1), "completed");
    await sent("DELETE", `/job-steps/${at(job, 2)}`);
    expect(await look(job, job.steps)).toBe("1 completed, 4 ready <1, 5 ready <1");
  });

  test("not once it was started, has ended, or has time of its own; the last open one completes the job", async () => {
    const job = await jobOf([{}, { depends_on: [] }, { depends_on: [] }, { depends_on: [] }]);
    await put(at(job, 1), "in_progress");
    await put(at(job, 2), "skipped");
    await api.sql`insert into shop.time_logs (business_id, step_id, kind) values (${api.alpha.id}, ${at(job, 3)}, 'quality_loss')`;
    for (const index of [1, 2, 3])
      await expectProblem(send("DELETE", `/job-steps/${at(job, index)}`), "in_use");
    await put(at(job, 1), "completed");
    await put(at(job, 3), "completed");
    await sent("DELETE", `/job-steps/${at(job, 4)}`);
    const seen = await sent<{ status: string; steps_total: number }>("GET", `/jobs/${job.job_id}`);
    expect(seen).toMatchObject({ status: "completed", steps_total: 3 });
  });
});

describe("a step is given", () => {
  test("to a member, who is told, and to a machine; null takes it from them", async () => {
    const machine_id = await makeMachine(api.sql, api.alpha, [process_id]);
    const job = await jobOf([{}]);
    const path = `/job-steps/${at(job, 1)}/assignment`;
    const give = (body: object) => sent("PUT", path, { body });
    const operator = memberOf("operator");
    expect(await give({ member_id: operator })).toMatchObject({ assigned_to: operator, machine: null });
    expect(await give({ machine_id })).toMatchObject({ assigned_to: operator, machine: { id: machine_id } });
    expect(await give({ member_id: null, machine_id: null })).toMatchObject({
      assigned_to: null,
      machine: null,
    });
    await give({ member_id: memberOf("owner") });
    const told = await api.sql`select user_id, type from core.notifications where ref_id = ${at(job, 1)}`;
    // Who acts is not told.
    expect([...told]).toEqual([{ user_id: api.alpha.people.operator.user_id, type: "shop.step_assigned" }]);
  });

  test("not to who or what cannot do it", async () => {
    const closed = await makeClosed({ clerk: "view work assign", operator: "view" });
    const [wrong, archived] = [
      await makeMachine(api.sql, api.alpha, []),
      await makeMachine(api.sql, api.alpha, [process_id]),
    ];
    await api.sql`update shop.machines set is_active = false where id = ${archived}`;
    const job = await jobOf([{}, { process_id: closed }]);
    const refusals = [
      [1, { member_id: memberOf("clerk") }, "reference_not_found", "/member_id"],
      [1, { member_id: api.bravo.people.operator.member_id }, "reference_not_found", "/member_id"],
      [1, { machine_id: wrong }, "machine_process_mismatch"],
      [1, { machine_id: archived }, "reference_not_found", "/machine_id"],
      [2, { member_id: memberOf("operator") }, "validation", "/member_id"],
      [1, {}, "validation"],
    ] as const;
    for (const [index, body, code, pointer] of refusals)
      await expectRefusal(send("PUT", `/job-steps/${at(job, index)}/assignment`, { body }), code, pointer);
  });

  test("not while it runs, and not once it has ended", async () => {
    const job = await jobOf([{ assigned_to: memberOf("operator") }, { depends_on: [] }]);
    const path = `/job-steps/${at(job, 1)}/assignment`;
    await put(at(job, 1), "in_progress");
    await sent("PUT", path, { body: { member_id: memberOf("operator") } });
    for (const status of ["in_progress", "completed"]) {
      await put(at(job, 1), status);
      const refused = await expectProblem(
        send("PUT", path, { body: { member_id: null } }),
        "illegal_transition",
      );
      expect(refused).toMatchObject({ from: status, to: status, allowed: [] });
    }
  });
});
