import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { tellOverdueJobs } from "../../src/shop/background-jobs.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { at, type Desk, openDesk, type Step } from "../helpers/shop-desk.ts";
import { makeMachine } from "../helpers/shop.ts";

type Job = {
  id: string;
  job_number: string;
  title: string;
  revision_no: number;
  version: number;
  steps: Step[];
};
type Listed<T> = { data: T[]; meta: { next_cursor: string | null } };
type Event = Readonly<{
  id: string;
  type: string;
  to: string | null;
  actor_name: string | null;
  process: string | null;
}>;

let api: TestApp;
let send: Desk["send"];
let sent: Desk["sent"];
let jobOf: Desk["jobOf"];
let look: Desk["look"];
let makeClosed: Desk["makeClosed"];
let process_id: Desk["process_id"];

beforeAll(async () => {
  api = await startTestApp();
  ({ send, sent, jobOf, look, makeClosed, process_id } = await openDesk(api));
});
afterAll(() => api.stop());

const textFile = (name: string) => {
  const body = new FormData();
  body.set("file", new File(["words"], name, { type: "text/plain" }));
  return body;
};

describe("a job is duplicated", () => {
  test("as a draft with its fields, steps, what they wait for and machines, but nobody, no days and nothing done", async () => {
    const machine_id = await makeMachine(api.sql, api.alpha, [process_id]);
    const gone = await makeMachine(api.sql, api.alpha, [process_id]);
    const job = await sent<Job>("POST", "/jobs", {
      body: {
        title: "Calendar",
        due_on: "2026-12-01",
        quantity: 4,
        price: { amount: 7, currency: "NGN" },
        steps: [
          {
            process_id,
            machine_id,
            assigned_to: api.alpha.people.operator.member_id,
            due_at: "2026-12-01T00:00:00Z",
          },
          { process_id, depends_on: [], machine_id: gone },
          { process_id, depends_on: [1, 2], est_minutes: 3, instructions: "Slowly" },
        ],
      },
    });
    await sent("POST", `/jobs/${job.id}/activate`);
    await sent("POST", `/job-steps/${job.steps[0]?.id}/start`, { body: {}, by: "operator" });
    await sent("POST", `/job-steps/${job.steps[0]?.id}/complete`, { body: { qty_good: 4 }, by: "operator" });
    await api.sql`update shop.machines set is_active = false where id = ${gone}`;
    const copy = await sent<Job>("POST", `/jobs/${job.id}/duplicate`, { by: "clerk" });
    expect(copy).toMatchObject({
      title: "Calendar",
      status: "draft",
      due_on: null,
      quantity: 4,
      price: { amount: 7, currency: "NGN" },
      revision_no: 1,
      steps_total: 3,
      steps_done: 0,
      started_at: null,
    });
    expect(copy.job_number).not.toBe(job.job_number);
    const ids = copy.steps.map(({ id }) => id);
    expect(await look({ job_id: copy.id, steps: ids }, ids)).toBe("1 pending, 2 pending, 3 pending <1 <2");
    expect(copy.steps[0]).toMatchObject({
      machine: { id: machine_id },
      assigned_to: null,
      due_at: null,
      qty_good: 0,
    });
    expect(copy.steps[1]).toMatchObject({ machine: null });
    expect(copy.steps[2]).toMatchObject({ est_minutes: 3, instructions: "Slowly" });
    await expectProblem(send("POST", `/jobs/${copy.id}/duplicate`, { by: "operator" }), "forbidden");
  });

  test("once for a key; not one that is not there, nor at a stale version", async () => {
    const { job_id } = await jobOf([{}]);
    const asked = { headers: { "idempotency-key": crypto.randomUUID() } };
    const [first, second] = [
      await send("POST", `/jobs/${job_id}/duplicate`, asked),
      await send("POST", `/jobs/${job_id}/duplicate`, asked),
    ];
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(await first.text());
    await expectProblem(send("POST", `/jobs/${Bun.randomUUIDv7()}/duplicate`), "not_found");
    const stale = { headers: { "if-match": '"99"' } };
    await expectProblem(send("POST", `/jobs/${job_id}/duplicate`, stale), "precondition_failed");
  });
});

describe("a job is revised", () => {
  test("with what was, what became, why and by whom; the last revision first, page by page", async () => {
    const { job_id } = await jobOf([{}], { title: "Leaflet", due_on: "2026-12-01" });
    const path = `/jobs/${job_id}/revise`;
    const first = await sent<Job>("POST", path, {
      body: { changes: { quantity: 12.5, title: "Leaflet", due_on: null }, reason: "More" },
      by: "clerk",
    });
    expect(first.revision_no).toBe(2);
    expect(first.steps[0]?.qty_target).toBe(12.5);
    await sent("POST", path, {
      body: { changes: { price: { amount: 5, currency: "NGN" } }, reason: "Agreed" },
    });
    const page = await sent<Listed<object>>("GET", `/jobs/${job_id}/revisions?limit=1`);
    expect(page.data).toMatchObject([
      {
        revision_no: 3,
        reason: "Agreed",
        changes: { price: { from: null, to: { amount: 5, currency: "NGN" } } },
      },
    ]);
    const next = await sent<Listed<{ changes: object }>>(
      "GET",
      `/jobs/${job_id}/revisions?limit=1&cursor=${page.meta.next_cursor}`,
      { by: "operator" },
    );
    expect(next.data).toMatchObject([{ revision_no: 2, created_by: api.alpha.people.clerk.user_id }]);
    expect(next.data[0]?.changes).toEqual({
      quantity: { from: null, to: 12.5 },
      due_on: { from: "2026-12-01", to: null },
    });
    expect(next.meta.next_cursor).toBeNull();
  });

  test("while people work by it, once of two at one version, and not into what it is already", async () => {
    const { job_id } = await jobOf([{}], { title: "Same" });
    const path = `/jobs/${job_id}/revise`;
    const body = { changes: { title: "Other" }, reason: "Why" };
    const { version } = await sent<Job>("GET", `/jobs/${job_id}`);
    const exact = { body, headers: { "if-match": `"${version}"` } };
    const both = await Promise.all([send("POST", path, exact), send("POST", path, exact)]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
    const same = await expectProblem(send("POST", path, { body }), "validation");
    expect(same.errors).toMatchObject([{ pointer: "/changes" }]);
    expect(await sent<Job>("GET", `/jobs/${job_id}`)).toMatchObject({ revision_no: 2 });
    await expectProblem(send("POST", path, { body: { changes: {}, reason: "Why" } }), "validation");
    await expectProblem(send("POST", path, { body: { changes: body.changes } }), "validation");
    const draft = await jobOf([], { status: "draft" });
    const refused = await expectProblem(
      send("POST", `/jobs/${draft.job_id}/revise`, { body }),
      "illegal_transition",
    );
    expect(refused).toMatchObject({ from: "draft", allowed: ["active"] });
  });
});

describe("the timeline of a job", () => {
  test("tells what happened, by whom, newest first, the same page by page", async () => {
    const job = await jobOf([{}], { status: "draft" });
    const [path, step] = [`/jobs/${job.job_id}`, `/job-steps/${at(job, 1)}`];
    await sent("PATCH", path, { body: { priority: "urgent" } });
    await sent("POST", `${path}/activate`);
    await sent("POST", `${step}/start`, { body: {}, by: "operator" });
    await sent("POST", `${step}/notes`, { body: { note: "Worn" }, by: "operator" });
    await sent("POST", `${step}/production`, { body: { qty_good: 2, qty_scrap: 1 }, by: "operator" });
    await sent("POST", `${path}/revise`, { body: { changes: { unit: "m" }, reason: "Metres" } });
    const file = await sent<{ id: string }>("POST", `${path}/files`, { body: textFile("plan.txt") });
    await sent("POST", `${step}/complete`, { body: {}, by: "operator" });
    const all = await sent<Listed<Event>>("GET", `${path}/timeline`);
    const words = all.data.map(({ type, to }) => (to === null ? type : `${type} ${to}`));
    expect(words.toSorted()).toEqual(
      [
        "file_added",
        "job_changed",
        "job_created",
        "job_moved active",
        "job_moved completed",
        "job_moved in_progress",
        "job_revised",
        "note_added",
        "production_reported",
        "step_moved completed",
        "step_moved in_progress",
      ].toSorted(),
    );
    expect(words.at(-1)).toBe("job_created");
    const started = all.data.find(({ to, type }) => type === "step_moved" && to === "in_progress");
    const [{ full_name }] =
      await api.sql`select full_name from core.users where id = ${api.alpha.people.operator.user_id}`;
    expect(started).toMatchObject({ from: "ready", actor_name: full_name, step_id: at(job, 1) });
    expect(all.data.find(({ type }) => type === "job_changed")).toMatchObject({
      changes: { priority: { from: "normal", to: "urgent" } },
    });
    const paged: Event[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const next: Listed<Event> = await sent(
        "GET",
        `${path}/timeline?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      paged.push(...next.data);
      cursor = next.meta.next_cursor;
    }
    expect(paged).toEqual(all.data);
    await sent("DELETE", `/files/${file.id}`);
    const without = await sent<Listed<Event>>("GET", `${path}/timeline`);
    expect(without.data).toHaveLength(all.data.length - 1);
  });

  test("tells why a job was put on hold, cancelled and reopened, whatever came before", async () => {
    const { job_id } = await jobOf([]);
    const moves = async () =>
      (await sent<Listed<Event & { reason: string | null }>>("GET", `/jobs/${job_id}/timeline`)).data
        .filter(({ type }) => type === "job_moved")
        .map(({ to, reason }) => `${to}: ${reason}`);
    await sent("POST", `/jobs/${job_id}/hold`, { body: { reason: "No paper" } });
    await sent("POST", `/jobs/${job_id}/resume`);
    expect(await moves()).toEqual(["active: null", "on_hold: No paper"]);
    await sent("POST", `/jobs/${job_id}/hold`, { body: { reason: "Unpaid" } });
    await sent("POST", `/jobs/${job_id}/cancel`, { body: { reason: "Withdrawn" } });
    expect((await moves()).slice(0, 2)).toEqual(["cancelled: Withdrawn", "on_hold: Unpaid"]);
    await api.sql`update shop.jobs set status = 'completed', completed_at = now() where id = ${job_id}`;
    await sent("POST", `/jobs/${job_id}/reopen`, { body: { reason: "Came back" } });
    expect((await moves())[0]).toBe("in_progress: Came back");
  });

  test("tells of steps whose process the role may view", async () => {
    const closed = await makeClosed({ operator: "view work" });
    const job = await jobOf([{ process_id: closed }]);
    await sent("POST", `/job-steps/${at(job, 1)}/start`, { body: {}, by: "operator" });
    const steps = async (by: "clerk" | "operator" | "owner") =>
      (await sent<Listed<Event>>("GET", `/jobs/${job.job_id}/timeline`, { by })).data.filter(
        ({ type }) => type === "step_moved",
      ).length;
    expect([await steps("clerk"), await steps("operator"), await steps("owner")]).toEqual([0, 1, 1]);
  });
});

describe("files of a job", () => {
  test("are added by everybody in the shop, listed newest first, and gone when they are deleted or the draft is", async () => {
    const { job_id } = await jobOf([], { status: "draft" });
    const path = `/jobs/${job_id}/files`;
    const first = await sent<{ id: string }>("POST", path, { body: textFile("a.txt"), by: "operator" });
    expect(first).toMatchObject({ filename: "a.txt", ref_type: "shop.job", ref_id: job_id, size_bytes: 5 });
    const second = await sent<{ id: string }>("POST", path, { body: textFile("b.txt"), by: "clerk" });
    const listed = async () => (await sent<Listed<{ id: string }>>("GET", path)).data.map(({ id }) => id);
    expect(await listed()).toEqual([second.id, first.id]);
    expect(await (await send("GET", `/files/${first.id}/content`)).text()).toBe("words");
    await sent("DELETE", `/files/${first.id}`);
    expect(await listed()).toEqual([second.id]);
    await sent("DELETE", `/jobs/${job_id}`);
    await expectProblem(send("GET", path), "not_found");
    await expectProblem(send("GET", `/files/${second.id}`), "not_found");
  });

  test("are what they say, not empty, and of a job that is there", async () => {
    const { job_id } = await jobOf([]);
    const upload = (file: File, id = job_id) => {
      const body = new FormData();
      body.set("file", file);
      return send("POST", `/jobs/${id}/files`, { body });
    };
    await expectProblem(upload(new File(["MZ"], "a.exe")), "file_type_not_allowed");
    await expectProblem(
      upload(new File(["words"], "a.pdf", { type: "application/pdf" })),
      "file_type_mismatch",
    );
    await expectProblem(upload(new File([], "a.txt", { type: "text/plain" })), "validation");
    await expectProblem(
      upload(new File(["a"], "a.txt", { type: "text/plain" }), Bun.randomUUIDv7()),
      "not_found",
    );
  });
});

describe("late jobs", () => {
  const told = async (job_id: string) =>
    (
      await api.sql`select m.role::text from core.notifications n
      join core.memberships m on m.business_id = n.business_id and m.user_id = n.user_id
      where n.type = 'shop.job_overdue' and n.ref_id = ${job_id} order by 1`
    ).map(({ role }: { role: string }) => role);
  const run = async () => {
    while (await tellOverdueJobs(api.deps)) await Promise.resolve();
  };
  /** As if the last day that was told of were so long ago. */
  const back = async (days: number) => {
    await api.sql`update shop.overdue_watch set due_on = core.business_today(business_id) - ${days}::int - 1`;
  };
  const day = async (offset: number): Promise<string> =>
    (await api.sql`select (core.business_today(${api.alpha.id}) + ${offset}::int)::text as day`)[0].day;

  test("are told of once, to staff and who made them, where they are open", async () => {
    await run();
    const late = await sent<Job>("POST", "/jobs", {
      body: { title: "Late", due_on: await day(-1) },
      by: "clerk",
    });
    const [{ job_id: today }, { job_id: draft }] = [
      await jobOf([], { due_on: await day(0) }),
      await jobOf([], { due_on: await day(-1), status: "draft" }),
    ];
    await api.sql`update shop.jobs set status = 'active' where id = ${late.id}`;
    await back(2);
    await Promise.all([run(), run()]);
    expect(await told(late.id)).toEqual(["admin", "clerk", "manager", "owner"]);
    expect([await told(today), await told(draft)]).toEqual([[], []]);
    await run();
    expect(await told(late.id)).toHaveLength(4);
  });

  test("are told of by the write that makes them late behind the day that was told of", async () => {
    await run();
    const { job_id } = await jobOf([], { due_on: await day(5) });
    await sent("PATCH", `/jobs/${job_id}`, { body: { due_on: await day(-3) } });
    expect(await told(job_id)).toEqual(["admin", "manager"]);
    await sent("PATCH", `/jobs/${job_id}`, { body: { title: "Still" } });
    await run();
    expect(await told(job_id)).toEqual(["admin", "manager"]);
  });
});
