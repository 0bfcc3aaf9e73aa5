import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";

let api: TestApp;

beforeAll(async () => {
  api = await startTestApp();
});
afterAll(() => api.stop());

test("classes and times are those of the specification", () => {
  const rows = api.deps.cache.definitions();
  const of = (prefix: string) =>
    Object.fromEntries(
      rows.flatMap(({ name, class: kind, ttl_ms }) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), `${kind} ${ttl_ms / 1000}`]] : [],
      ),
    );
  expect(of("shop.")).toEqual({
    "dashboard.stats": "bounded 30",
    "dashboard.recent_jobs": "bounded 60",
    "dashboard.jobs_by_status": "bounded 120",
    "dashboard.jobs_by_month": "bounded 300",
    "dashboard.activity": "bounded 30",
    "jobs.page": "bounded 30",
    job: "bounded 30",
    "machines.page": "bounded 60",
    machine: "bounded 60",
    "processes.page": "bounded 600",
    "job.files": "bounded 30",
    "job.revisions": "bounded 30",
    "job.timeline": "bounded 30",
    step: "bounded 15",
    "step_notes.page": "bounded 15",
    "step.time_logs": "bounded 15",
    queue: "bounded 10",
    performance: "bounded 60",
    "machine.oee": "bounded 15",
    "machine.queue": "bounded 15",
    "machines.board": "bounded 15",
    process: "bounded 600",
    process_permissions: "strict, writer confirms 600",
    routing: "bounded 600",
    "routings.page": "bounded 600",
  });
  expect(of("budget.")).toMatchObject({
    "budgets.page": "bounded 120",
    budget: "bounded 120",
    head: "bounded 120",
    "groups.page": "bounded 120",
    group: "bounded 120",
    "categories.page": "bounded 120",
    category: "bounded 120",
    month: "bounded 120",
    months: "bounded 120",
    allocations: "bounded 120",
    "allocations.summary": "bounded 120",
    "allocations.history": "bounded 120",
    monthly: "bounded 120",
    "transactions.page": "bounded 30",
    transaction: "bounded 30",
    spending: "bounded 120",
  });
  expect(of("bank.kyc.")).toEqual({
    status: "strict, reader confirms 60",
    next_steps: "strict, reader confirms 60",
    documents: "bounded 60",
  });
  expect(of("core.")).toEqual({
    "customers.page": "bounded 30",
    customer: "bounded 30",
    "units.page": "bounded 600",
    unit: "bounded 600",
    business: "strict, writer confirms 600",
    me: "strict, writer confirms 600",
    setting: "strict, writer confirms 600",
    "settings.all": "strict, writer confirms 600",
  });
  expect(rows.filter(({ grace_ms, negative_ttl_ms }) => grace_ms + negative_ttl_ms > 0)).toEqual([]);
});
