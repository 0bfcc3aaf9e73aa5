import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { memberRoles } from "../../src/platform/enums.ts";
import { permissions } from "../../src/http/policy.ts";
import { jobMoves } from "../../src/shop/job-moves.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { expectProblem } from "../helpers/problem.ts";
import { at, type Desk, openDesk, type Step } from "../helpers/shop-desk.ts";
import { makeMachine, makeProcess } from "../helpers/shop.ts";

type Job = {
  id: string;
  job_number: string;
  title: string;
  status: string;
  priority: string;
  due_on: string | null;
  quantity: number | null;
  revision_no: number;
  steps_total: number;
  version: number;
  steps: Step[];
};

let api: TestApp;
let send: Desk["send"];
let sent: Desk["sent"];
let jobOf: Desk["jobOf"];
let look: Desk["look"];
let expectRefusal: Desk["expectRefusal"];
let put: Desk["put"];
let makeClosed: Desk["makeClosed"];
let process_id: Desk["process_id"];

beforeAll(async () => {
  api = await startTestApp();
  ({ send, sent, jobOf, look, expectRefusal, put, makeClosed, process_id } = await openDesk(api));
});
afterAll(() => api.stop());

const create = (body: object, by?: "clerk" | "manager") =>
  sent<Job>("POST", "/jobs", { body: { title: "Calendar", ...body }, ...(by ? { by } : {}) });
const told = async (type: string) =>
  (
    await api.sql`select array_agg(m.role::text order by m.role) as roles from core.notifications n
    join core.memberships m on m.business_id = n.business_id and m.user_id = n.user_id where n.type = ${type}`
  )[0].roles as string[] | null;

describe("a job is created", () => {
  test("as a draft with all that is said of it, by a clerk", async () => {
    const said = {
      description: "Four colours",
      priority: "high",
      due_on: "2026-12-01",
      quantity: 500.125,
      unit: "pcs",
      price: { amount: 1_250_000, currency: "NGN" },
      customer_id: await makeCustomer(api.sql, api.alpha),
    };
    const response = await send("POST", "/jobs", { body: { title: "Calendar", ...said }, by: "clerk" });
    const job = (await response.json()) as Job;
    expect(job).toMatchObject({ ...said, title: "Calendar", status: "draft", revision_no: 1, steps: [] });
    expect(response.headers.get("location")).toBe(`/api/v1/jobs/${job.id}`);
    expect(await sent<Job>("GET", `/jobs/${job.id}`)).toEqual(job);
  });

  test("with steps that wait as they say, which are ready when it is activated", async () => {
    const steps = [
      { process_id },
      { process_id, depends_on: [] },
      { process_id, depends_on: [1, 2] },
      { process_id },
    ];
    const { id, steps: made, steps_total } = await create({ steps, quantity: 5 }, "clerk");
    const ids = made.map((step) => step.id);
    expect(steps_total).toBe(4);
    expect(made.map(({ qty_target }) => qty_target)).toEqual([5, 5, 5, 5]);
    expect(await look({ job_id: id, steps: ids }, ids)).toBe(
      "1 pending, 2 pending, 3 pending <1 <2, 4 pending <3",
    );
    await sent("POST", `/jobs/${id}/activate`, { by: "clerk" });
    expect(await look({ job_id: id, steps: ids }, ids)).toBe(
      "1 ready, 2 ready, 3 pending <1 <2, 4 pending <3",
    );
  });

  test("with the steps of a routing, whose positions may have gaps", async () => {
    const machine_id = await makeMachine(api.sql, api.alpha, [process_id]);
    const routing_id = Bun.randomUUIDv7();
    await api.sql`insert into shop.routings (business_id, id, name) values (${api.alpha.id}, ${routing_id}, 'Printed')`;
    await api.sql`insert into shop.routing_steps (business_id, routing_id, position, process_id, machine_id, depends_on)
      values (${api.alpha.id}, ${routing_id}, 10, ${process_id}, ${machine_id}, '{}'),
        (${api.alpha.id}, ${routing_id}, 20, ${process_id}, null, '{10}'),
        (${api.alpha.id}, ${routing_id}, 40, ${process_id}, null, '{10}')`;
    const job = await create({ routing_id });
    const ids = job.steps.map((step) => step.id);
    expect(await look({ job_id: job.id, steps: ids }, ids)).toBe("1 pending, 2 pending <1, 3 pending <1");
    expect(job.steps[0]?.machine?.id).toBe(machine_id);
    await expectRefusal(
      send("POST", "/jobs", { body: { title: "Both", routing_id, steps: [] } }),
      "validation",
      "/steps",
    );
  });

  test("with one number for each of a hundred at once, without a gap, and one for a key", async () => {
    const made = await Promise.all(Array.from({ length: 100 }, () => create({})));
    const numbers = made
      .map(({ job_number }) => Number(/^JOB-\d{4}-(\d{6})$/.exec(job_number)?.[1]))
      .toSorted((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
    const asked = { body: { title: "Once" }, headers: { "idempotency-key": crypto.randomUUID() } };
    const [first, second] = [await send("POST", "/jobs", asked), await send("POST", "/jobs", asked)];
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    const once = (await first.json()) as Job;
    expect(await second.json()).toEqual(once);
    expect(Number(once.job_number.slice(-6))).toBe((numbers.at(-1) ?? 0) + 1);
  });

  test("not of what is not there, and a refused one takes no number", async () => {
    const before = await create({});
    const foreign = await makeProcess(api.sql, api.bravo);
    const archived = await makeCustomer(api.sql, api.alpha);
    await api.sql`update core.customers set is_active = false where id = ${archived}`;
    const closed = await makeClosed({ operator: "view work" });
    const bare = await makeMachine(api.sql, api.alpha, []);
    const refusals = [
      [{ customer_id: await makeCustomer(api.sql, api.bravo) }, "reference_not_found", "/customer_id"],
      [{ customer_id: archived }, "reference_not_found", "/customer_id"],
      [{ price: { amount: 1, currency: "XQQ" } }, "reference_not_found", "/price/currency"],
      [{ price: { amount: -1, currency: "NGN" } }, "validation"],
      [{ routing_id: process_id }, "reference_not_found", "/routing_id"],
      [{ steps: [{ process_id: foreign }] }, "reference_not_found", "/process_id"],
      [{ steps: [{ process_id, machine_id: bare }] }, "machine_process_mismatch"],
      [{ steps: [{ process_id, depends_on: [2] }] }, "validation", "/depends_on"],
      [{ steps: [{ process_id, depends_on: [2] }, { process_id }] }, "dependency_cycle"],
      [
        { steps: [{ process_id: closed, assigned_to: api.alpha.people.operator.member_id }] },
        "process_not_permitted",
      ],
      [{ quantity: 0 }, "validation"],
      [{ title: " " }, "validation"],
      [{ status: "active" }, "validation"],
      [{ due_on: "2026-02-30" }, "validation"],
    ] as const;
    for (const [body, code, pointer] of refusals)
      await expectRefusal(
        send("POST", "/jobs", { body: { title: "No", ...body }, by: "clerk" }),
        code,
        pointer,
      );
    const after = await create({});
    expect(Number(after.job_number.slice(-6))).toBe(Number(before.job_number.slice(-6)) + 1);
  });
});

describe("a job is changed", () => {
  test("member by member, at the version that the caller knows; open steps follow its quantity", async () => {
    const job = await create({
      quantity: 5,
      steps: [{ process_id }, { process_id, qty_target: 9 }, { process_id }],
    });
    const path = `/jobs/${job.id}`;
    const exact = { "if-match": `"${job.version}"` };
    await put(job.steps[2]?.id ?? "", "skipped");
    const now = await sent<Job>("PATCH", path, {
      body: { quantity: 8, unit: "m", due_on: null },
      by: "clerk",
    });
    expect(now).toMatchObject({ quantity: 8, unit: "m", due_on: null, title: job.title, revision_no: 1 });
    expect(now.steps.map(({ qty_target }) => qty_target)).toEqual([8, 9, 5]);
    await expectProblem(send("PATCH", path, { body: { unit: "kg" }, headers: exact }), "precondition_failed");
    expect(await sent<Job>("GET", path)).toEqual(now);
    expect(await sent<Job>("PATCH", path, { body: { price: { amount: 5, currency: "NGN" } } })).toMatchObject(
      {
        price: { amount: 5, currency: "NGN" },
        quantity: 8,
      },
    );
    expect(await sent<Job>("PATCH", path, { body: { price: null } })).toMatchObject({ price: null });
    await expectRefusal(
      send("PATCH", path, { body: { customer_id: process_id } }),
      "reference_not_found",
      "/customer_id",
    );
    await expectProblem(send("PATCH", path, { body: {} }), "validation");
    await expectProblem(send("PATCH", path, { body: { unit: "kg" }, by: "operator" }), "forbidden");
  });

  test("not below what is produced, and not once it is over", async () => {
    const job = await jobOf([{ qty_target: 10 }]);
    const path = `/jobs/${job.job_id}`;
    await sent("PATCH", path, { body: { quantity: 10 } });
    await sent("POST", `/job-steps/${at(job, 1)}/start`, { body: {} });
    await sent("POST", `/job-steps/${at(job, 1)}/production`, { body: { qty_good: 8 } });
    await expectProblem(send("PATCH", path, { body: { quantity: 7 } }), "over_production");
    await sent("POST", `/job-steps/${at(job, 1)}/complete`, { body: {} });
    const refused = await expectProblem(
      send("PATCH", path, { body: { title: "Late" } }),
      "illegal_transition",
    );
    expect(refused).toMatchObject({ from: "completed", to: "completed", allowed: ["in_progress"] });
  });

  test("a draft is deleted with its steps, anything else stays", async () => {
    const draft = await create({ steps: [{ process_id }] });
    await expectProblem(
      send("DELETE", `/jobs/${draft.id}`, { headers: { "if-match": '"99"' } }),
      "precondition_failed",
    );
    await sent("DELETE", `/jobs/${draft.id}`, { by: "clerk" });
    await expectProblem(send("GET", `/jobs/${draft.id}`), "not_found");
    expect(await api.sql`select from shop.job_steps where job_id = ${draft.id}`).toHaveLength(0);
    const active = await jobOf([{}]);
    await expectProblem(send("DELETE", `/jobs/${active.job_id}`), "in_use");
    await expectProblem(send("DELETE", `/jobs/${draft.id}`), "not_found");
  });
});

describe("a job is moved", () => {
  const statuses = ["draft", "active", "in_progress", "on_hold", "completed", "cancelled"] as const;
  const actions = ["activate", "hold", "resume", "cancel", "reopen"] as const;
  /** A job without steps in a status. */
  async function jobIn(status: (typeof statuses)[number]): Promise<string> {
    const { job_id } = await jobOf([], { status: "draft" });
    await api.sql`update shop.jobs set status = ${status},
      completed_at = case when ${status} = 'completed' then now() end,
      hold_reason = case when ${status} = 'on_hold' then 'why' end,
      status_before_hold = case when ${status} = 'on_hold' then 'active'::shop.job_status end where id = ${job_id}`;
    return job_id;
  }
  const body = { reason: "Because" };
  const move = (id: string, action: string, by: (typeof memberRoles)[number] = "owner") =>
    send("POST", `/jobs/${id}/${action}`, {
      body: action === "activate" || action === "resume" ? {} : body,
      by,
    });

  test.each(actions)("%s as the table says, from nowhere else, and once of two at once", async (action) => {
    for (const from of statuses) {
      const legal = jobMoves.find((one) => one.action === action && one.from === from);
      const id = await jobIn(from);
      if (legal === undefined) {
        const refused = await expectProblem(move(id, action), "illegal_transition");
        const allowed = [
          ...new Set(jobMoves.filter((one) => one.from === from).map(({ to }) => to)),
        ].toSorted();
        expect(refused).toMatchObject({ from, allowed });
        continue;
      }
      const both = await Promise.all([move(id, action), move(id, action)]);
      expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
      const [row] = await api.sql`select status::text from shop.jobs where id = ${id}`;
      expect(`${action} ${from} ${row.status}`).toBe(`${action} ${from} ${legal.to}`);
    }
  });

  test("by the roles of the table only", async () => {
    for (const action of actions) {
      const first = jobMoves.find((one) => one.action === action);
      for (const role of memberRoles) {
        const may = first?.roles.includes(role as never) === true;
        const response = await move(await jobIn(first?.from ?? "draft"), action, role);
        expect(`${action} ${role} ${response.status}`).toBe(`${action} ${role} ${may ? 200 : 403}`);
      }
    }
    expect(permissions["jobs.manage"]).not.toContain("clerk" as never);
  });

  test("on hold its running steps pause, with their logs; it goes on where it was, and they stay paused", async () => {
    const job = await jobOf([{ assigned_to: api.alpha.people.operator.member_id }, { depends_on: [] }]);
    await sent("POST", `/job-steps/${at(job, 1)}/start`, { body: {}, by: "operator" });
    const held = await sent<Job & { hold_reason: string }>("POST", `/jobs/${job.job_id}/hold`, {
      body: { reason: "No proof" },
      by: "manager",
    });
    expect(held).toMatchObject({ status: "on_hold", hold_reason: "No proof" });
    expect(await look(job, job.steps)).toBe("1 paused, 2 ready");
    expect(
      await api.sql`select from shop.time_logs where step_id = ${at(job, 1)} and ended_at is null`,
    ).toHaveLength(0);
    expect(await told("shop.step_paused")).toEqual(["operator"]);
    expect(await told("shop.job_on_hold")).toContain("owner");
    await expectProblem(send("POST", `/job-steps/${at(job, 2)}/start`, { body: {} }), "illegal_transition");
    const back = await sent<Job>("POST", `/jobs/${job.job_id}/resume`, { by: "clerk" });
    expect(back).toMatchObject({ status: "in_progress", hold_reason: null });
    expect(await look(job, job.steps)).toBe("1 paused, 2 ready");
    await expectProblem(send("POST", `/jobs/${job.job_id}/hold`, { body: {} }), "validation");
  });

  test("cancelled its open steps are cancelled and their logs end; what was done stays", async () => {
    const job = await jobOf([{}, {}, {}, { depends_on: [] }]);
    await put(at(job, 1), "completed");
    await sent("POST", `/job-steps/${at(job, 2)}/start`, { body: {} });
    await sent("POST", `/job-steps/${at(job, 4)}/block`, {
      body: { reason: "Down", kind: "availability_loss" },
    });
    const over = await sent("POST", `/jobs/${job.job_id}/cancel`, { body: { reason: "Withdrawn" } });
    expect(over).toMatchObject({ status: "cancelled", cancel_reason: "Withdrawn", steps_done: 4 });
    expect(await look(job, job.steps)).toBe("1 completed, 2 cancelled <1, 3 cancelled <2, 4 cancelled");
    expect(
      await api.sql`select from shop.time_logs l join shop.job_steps s on s.id = l.step_id
      where s.job_id = ${job.job_id} and l.ended_at is null`,
    ).toHaveLength(0);
  });

  test("reopened it is in progress, and completed again by its steps", async () => {
    const job = await jobOf([{}]);
    await put(at(job, 1), "completed");
    const open = await sent("POST", `/jobs/${job.job_id}/reopen`, { body: { reason: "A reprint" } });
    expect(open).toMatchObject({ status: "in_progress", reopen_reason: "A reprint", completed_at: null });
    await sent("POST", `/jobs/${job.job_id}/hold`, { body: { reason: "No paper" } });
    expect(await sent<Job>("POST", `/jobs/${job.job_id}/resume`)).toMatchObject({ status: "in_progress" });
    const step = await sent("POST", `/jobs/${job.job_id}/steps`, { body: { process_id } });
    expect(step.status).toBe("ready");
    await put(step.id, "completed");
    expect(await sent<Job>("GET", `/jobs/${job.job_id}`)).toMatchObject({
      status: "completed",
      steps_done: 2,
    });
  });

  test("quantities with a fourth decimal are refused, not rounded", async () => {
    const job = await jobOf([{}]);
    for (const [method, path, body, pointer] of [
      ["POST", "/jobs", { title: "x", quantity: 0.0015 }, "/quantity"],
      ["POST", "/jobs", { title: "x", steps: [{ process_id, qty_target: 1.00005 }] }, "/steps/0/qty_target"],
      ["PATCH", `/jobs/${job.job_id}`, { quantity: 0.1234 }, "/quantity"],
      [
        "POST",
        `/jobs/${job.job_id}/revise`,
        { changes: { quantity: 2.0001 }, reason: "x" },
        "/changes/quantity",
      ],
      ["POST", `/jobs/${job.job_id}/steps`, { process_id, qty_target: 0.0011 }, "/qty_target"],
      ["PATCH", `/job-steps/${at(job, 1)}`, { qty_target: 0.0011 }, "/qty_target"],
    ] as const) {
      const { errors } = await expectProblem(send(method, path, { body }), "validation");
      expect(errors?.[0]?.pointer).toBe(pointer);
    }
  });

  test("at a stale version it is refused", async () => {
    const id = await jobIn("draft");
    await expectProblem(
      send("POST", `/jobs/${id}/activate`, { headers: { "if-match": '"99"' } }),
      "precondition_failed",
    );
    await expectProblem(move(Bun.randomUUIDv7(), "activate"), "not_found");
  });
});

test("a role that may not view a process does not see its steps in a job", async () => {
  const closed = await makeClosed({ clerk: "view" });
  const { id } = await create({ steps: [{ process_id: closed }, { process_id, depends_on: [] }] });
  expect((await sent<Job>("GET", `/jobs/${id}`, { by: "clerk" })).steps).toHaveLength(2);
  expect((await sent<Job>("GET", `/jobs/${id}`, { by: "operator" })).steps).toHaveLength(1);
});
