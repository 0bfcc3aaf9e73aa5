import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { MemberRole } from "../../src/platform/enums.ts";
import { type Page, read } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { makeMachine, makeProcess } from "../helpers/shop.ts";
import { type Floor, moved, oneStep, openFloor, putStep, stepsOf, told } from "../helpers/shop-floor.ts";

type Queued = {
  id: string;
  status: string;
  overdue: boolean;
  qty_target: number | null;
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

const queueOf = (by: MemberRole) =>
  read<Page<Queued>>(api.send("GET", "/api/v1/me/queue", { token: floor.token[by] }));

describe("a queue", () => {
  test("is the member's own: what runs, then paused, ready and blocked; by priority, then by when it is due", async () => {
    const assigned_to = memberOf("operator");
    const mine = (step = {}) => oneStep(floor, { assigned_to, ...step });
    const past = new Date(Date.now() - 3_600_000).toISOString();
    const future = new Date(Date.now() + 3_600_000).toISOString();
    const [blocked, late, early, urgent, never, paused] = [
      await mine(),
      await mine({ due_at: future }),
      await mine({ due_at: past, qty_target: 12.5 }),
      await mine(),
      await mine(),
      await mine(),
    ];
    await api.sql`update shop.jobs set priority = 'urgent' where id = (select job_id from shop.job_steps where id = ${urgent})`;
    await putStep(floor, blocked, "blocked");
    await putStep(floor, paused, "paused");
    const [running, held, pending = ""] = [
      await mine({ machine_id: await makeMachine(api.sql, api.alpha, [floor.process_id], { code: "Q-1" }) }),
      await mine(),
      (await stepsOf(floor, [{}, { assigned_to }])).steps[1],
    ];
    await api.sql`update shop.jobs set status = 'on_hold', hold_reason = 'x', status_before_hold = 'active'
      where id = (select job_id from shop.job_steps where id = ${held})`;
    const others = await oneStep(floor, { assigned_to: memberOf("manager") });
    await moved(floor, running, "start", { by: "operator" });
    const { data, meta } = await queueOf("operator");
    expect(data.map(({ id }) => id)).toEqual([running, paused, urgent, early, late, never, blocked]);
    expect(data.map(({ id }) => id)).not.toContain(pending);
    expect(data[0]).toMatchObject({ status: "in_progress", machine: "Q-1", overdue: false });
    expect(data[3]).toMatchObject({ overdue: true, qty_target: 12.5, machine: null });
    expect(meta).toEqual({ next_cursor: null, has_more: false });
    expect((await queueOf("manager")).data.map(({ id }) => id)).toEqual([others]);
    await moved(floor, running, "complete", { by: "operator" });
    expect((await queueOf("operator")).data[0]?.id).toBe(paused);
  });

  test("leaves out what the role may not view, and says so as soon as it is shut out", async () => {
    const process_id = await makeProcess(api.sql, api.alpha);
    const { job_id, steps } = await stepsOf(floor, [{ process_id, assigned_to: memberOf("operator") }]);
    await told(floor, job_id);
    expect((await queueOf("operator")).data.map(({ id }) => id)).toContain(steps[0] ?? "");
    const sent = await api.send("PUT", "/api/v1/role-process-permissions", {
      token: floor.token.owner,
      headers: { "if-match": "*" },
      body: { items: [{ role: "clerk", process_id, can_view: true, can_work: true, can_assign: false }] },
    });
    expect(sent.status).toBe(200);
    expect((await queueOf("operator")).data.map(({ id }) => id)).not.toContain(steps[0] ?? "");
  });

  test("has 50 steps at most, and none for those who do not work in the shop", async () => {
    const steps = Array.from({ length: 60 }, () => ({ assigned_to: memberOf("admin"), depends_on: [] }));
    await stepsOf(floor, steps);
    expect((await queueOf("admin")).data).toHaveLength(50);
    for (const role of ["clerk", "agent", "customer"] as const)
      await expectProblem(api.send("GET", "/api/v1/me/queue", { token: floor.token[role] }), "forbidden");
  });
});

describe("the figures of an operator", () => {
  const path = (member_id: string, query = "") => `/api/v1/operators/${member_id}/performance${query}`;
  const figures = async (query = "", by: MemberRole = "manager") =>
    read<Record<string, unknown>>(
      api.send("GET", path(memberOf("sub_agent"), query), { token: floor.token[by] }),
    );

  /** A completed step of a member without any other, with its time. Days ago, minutes. */
  async function finish(
    days_ago: number,
    {
      late = false,
      minutes,
      good,
      scrap = 0,
    }: { late?: boolean; minutes: number; good: number; scrap?: number },
  ): Promise<void> {
    const step = await oneStep(floor, { assigned_to: null, est_minutes: 60 });
    const member_id = memberOf("sub_agent");
    await api.sql`update shop.job_steps set assigned_to = ${member_id}, status = 'completed', qty_good = ${good},
        qty_scrap = ${scrap}, completed_at = now() - make_interval(days => ${days_ago}, hours => 1),
        due_at = now() - make_interval(days => ${days_ago}, hours => ${late ? 2 : 0})
      where id = ${step}`;
    await api.sql`insert into shop.time_logs (business_id, step_id, operator_id, kind, started_at, ended_at)
      values (${api.alpha.id}, ${step}, ${member_id}, 'setup', now() - make_interval(days => ${days_ago}, mins => ${minutes}),
        now() - make_interval(days => ${days_ago}))`;
  }

  test("are null where nothing was counted", async () => {
    expect(await figures()).toEqual({
      member_id: memberOf("sub_agent"),
      days: 30,
      steps_completed: 0,
      on_time: 0,
      on_time_pct: null,
      estimated_hours: 0,
      worked_hours: 0,
      efficiency_pct: null,
      qty_good: 0,
      qty_scrap: 0,
      scrap_pct: null,
    });
  });

  test("count what was finished and worked in the window, of a log that reaches into it what is inside", async () => {
    await finish(1, { minutes: 30, good: 7.5 });
    await finish(2, { minutes: 60, good: 0.5, scrap: 2, late: true });
    await finish(40, { minutes: 600, good: 100 });
    const since = "now() - interval '7 days'";
    await api.sql.unsafe(
      `insert into shop.time_logs (business_id, step_id, operator_id, started_at, ended_at)
        select business_id, id, $1::uuid, ${since} - interval '1 hour', ${since} + interval '1 hour'
        from shop.job_steps where assigned_to = $1::uuid limit 1`,
      [memberOf("sub_agent")],
    );
    expect(await figures("?days=7")).toMatchObject({
      days: 7,
      steps_completed: 2,
      on_time: 1,
      on_time_pct: 50,
      estimated_hours: 2,
      worked_hours: 2.5,
      efficiency_pct: 80,
      qty_good: 8,
      qty_scrap: 2,
      scrap_pct: 20,
    });
    expect(await figures("?days=90")).toMatchObject({ days: 90, steps_completed: 3, worked_hours: 13.5 });
  });

  test("are for themselves and for staff, and another business's member is not there", async () => {
    const get = (by: MemberRole, member_id: string, query = "") =>
      api.send("GET", path(member_id, query), { token: floor.token[by] });
    expect((await get("operator", memberOf("operator").toUpperCase())).status).toBe(200);
    await expectProblem(get("operator", memberOf("manager")), "forbidden");
    expect((await get("manager", memberOf("operator"))).status).toBe(200);
    await expectProblem(get("operator", memberOf("manager")), "forbidden");
    await expectProblem(get("clerk", memberOf("clerk")), "forbidden");
    const foreign = api.bravo.people.operator.member_id;
    for (const by of ["operator", "owner"] as const) await expectProblem(get(by, foreign), "not_found");
    for (const days of ["1", "8", "-7", "x", ""])
      await expectProblem(get("owner", foreign, `?days=${days}`), "validation");
  });
});
