import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { MemberRole } from "../../src/platform/enums.ts";
import { read } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { type Floor, lookAt, moved, oneStep, openFloor, stepsOf, toStep } from "../helpers/shop-floor.ts";

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
  await api.sql`update shop.time_logs set ended_at = greatest(clock_timestamp(), started_at + interval '1 ms')
    where ended_at is null`;
});

const get = <T>(path: string, by: MemberRole = "owner") =>
  read<T>(api.send("GET", `/api/v1${path}`, { token: floor.token[by] }));

const statusesOf = (sent: readonly Response[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of sent) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe("production", () => {
  const report = (step: string, body: object, by: MemberRole = "owner") =>
    toStep(floor, step, "production", { by, body });

  test.each([
    [0, "over_production"],
    [5_000, null],
  ] as const)(
    "of 3 for a target of 2 with an allowance of %d basis points: %s",
    async (allowance_bps, code) => {
      const step = await oneStep(floor, { qty_target: 2, allowance_bps });
      await moved(floor, step, "start");
      const sent = report(step, { qty_good: 2, qty_scrap: 1 });
      if (code === null) expect((await sent).status).toBe(201);
      else await expectProblem(sent, code);
      const [{ reports }] =
        await api.sql`select count(*)::int as reports from shop.production_reports where step_id = ${step}`;
      expect(reports).toBe(code === null ? 1 : 0);
    },
  );

  test("is added up by the database, however many report at once, and never beyond the target", async () => {
    const step = await oneStep(floor, { qty_target: 10 });
    await moved(floor, step, "start");
    const sent = await Promise.all(
      Array.from({ length: 30 }, () => report(step, { qty_good: 0.3, qty_scrap: 0.1 })),
    );
    expect(statusesOf(sent)).toEqual({ 201: 25, 422: 5 });
    const last = await moved(floor, step, "pause");
    expect(last).toMatchObject({ qty_good: 7.5, qty_scrap: 2.5 });
    await expectProblem(toStep(floor, step, "complete", { body: { qty_good: 0.001 } }), "over_production");
    expect((await lookAt(floor, step)).status).toBe("paused");
  });

  test("is reported while the step runs or is paused, and a last time with its completion", async () => {
    const { job_id, steps } = await stepsOf(floor, [{ assigned_to: memberOf("operator") }]);
    const [step = ""] = steps;
    const early = await expectProblem(report(step, { qty_good: 1 }), "illegal_transition");
    expect(early).toMatchObject({ from: "ready", to: "in_progress", allowed: [] });
    await moved(floor, step, "start");
    const first = await read<Record<string, unknown>>(
      report(step, { qty_good: 1.5, reason: "First box" }, "operator"),
    );
    expect(first).toMatchObject({
      step_id: step,
      qty_good: 1.5,
      qty_scrap: 0,
      reason: "First box",
      reported_by: memberOf("operator"),
      step: { id: step, qty_good: 1.5 },
    });
    await moved(floor, step, "pause");
    await report(step, { qty_scrap: 2 });
    const done = await moved(floor, step, "complete", {
      by: "operator",
      body: { qty_good: 4, qty_scrap: 0 },
    });
    expect(done).toMatchObject({ status: "completed", qty_good: 5.5, qty_scrap: 2 });
    await expectProblem(report(step, { qty_good: 1 }), "illegal_transition");
    const [sums] =
      await api.sql`select sum(qty_good)::float8 as good, sum(qty_scrap)::float8 as scrap, count(*)::int as n
      from shop.production_reports where step_id = ${step}`;
    expect(sums).toEqual({ good: 5.5, scrap: 2, n: 3 });
    const job = await get<{ status: string; steps: { qty_good: number }[] }>(`/jobs/${job_id}`);
    expect(job).toMatchObject({ status: "completed", steps: [{ qty_good: 5.5 }] });
  });
});
