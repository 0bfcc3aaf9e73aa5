import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { MemberRole } from "../../src/platform/enums.ts";
import type { Page } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { at, type Desk, openDesk } from "../helpers/shop-desk.ts";
import { makeProcess } from "../helpers/shop.ts";

let api: TestApp;
let send: Desk["send"];
let sent: Desk["sent"];
let jobOf: Desk["jobOf"];
let look: Desk["look"];
let put: Desk["put"];
let makeClosed: Desk["makeClosed"];
let process_id: Desk["process_id"];

beforeAll(async () => {
  api = await startTestApp();
  ({ send, sent, jobOf, look, put, makeClosed, process_id } = await openDesk(api));
});
afterAll(() => api.stop());

const memberOf = (role: MemberRole): string => api.alpha.people[role].member_id;

describe("who may what", () => {
  test("a process without rows is open to the shop; clerks do not write notes, agents see nothing", async () => {
    const job = await jobOf([{}]);
    const path = `/job-steps/${at(job, 1)}`;
    for (const by of ["clerk", "operator", "manager"] as const) {
      await sent("GET", path, { by });
      await sent("PATCH", path, { by, body: { est_minutes: 3 } });
      await sent("PUT", `${path}/assignment`, { by, body: { member_id: memberOf("operator") } });
    }
    await expectProblem(send("POST", `${path}/notes`, { by: "clerk", body: { note: "x" } }), "forbidden");
    await expectProblem(
      send("POST", `/jobs/${job.job_id}/steps`, { by: "operator", body: { process_id } }),
      "forbidden",
    );
    for (const by of ["agent", "customer", "compliance"] as const)
      await expectProblem(send("GET", path, { by }), "forbidden");
  });

  test("a process with rows is open to the roles that they name, as far as they say; staff are never shut out", async () => {
    const closed = await makeClosed({ clerk: "view", operator: "view work assign" });
    const unnamed = await makeClosed({ clerk: "work" });
    const job = await jobOf([{ process_id: closed }, { process_id: unnamed }]);
    const path = (index: number) => `/job-steps/${at(job, index)}`;
    const tries = [
      ["clerk", 1, "GET", 200],
      ["clerk", 1, "PATCH", 403],
      ["clerk", 2, "GET", 403],
      ["operator", 1, "GET", 200],
      ["operator", 1, "PATCH", 200],
      ["operator", 2, "GET", 403],
      ["operator", 2, "PATCH", 403],
      ["operator", 2, "DELETE", 403],
      ["manager", 2, "GET", 200],
      ["manager", 2, "PATCH", 200],
    ] as const;
    for (const [by, index, method, status] of tries) {
      const body = method === "PATCH" ? { body: { est_minutes: 4 } } : {};
      const response = await send(method, path(index), { by, ...body });
      expect(`${by} ${index} ${method} ${response.status}`).toBe(`${by} ${index} ${method} ${status}`);
      if (status === 403)
        expect(((await response.json()) as { code: string }).code).toBe("process_not_permitted");
    }
    for (const by of ["operator", "clerk"] as const)
      await expectProblem(send("GET", `${path(2)}/notes`, { by }), "process_not_permitted");
    await expectProblem(
      send("POST", `${path(2)}/notes`, { by: "operator", body: { note: "x" } }),
      "process_not_permitted",
    );
    await expectProblem(
      send("PUT", `${path(1)}/assignment`, { by: "clerk", body: { member_id: null } }),
      "process_not_permitted",
    );
    // Nobody carries a step from a process that is theirs to assign to one that is not.
    await expectProblem(
      send("PATCH", path(1), { by: "operator", body: { process_id: unnamed } }),
      "process_not_permitted",
    );
  });

  test("a step, job or note of another business is not there", async () => {
    const [job, token] = [await jobOf([{}]), await api.token(api.bravo.people.owner)];
    const foreign = (method: string, path: string, body?: unknown) =>
      api.send(method, `/api/v1${path}`, {
        token,
        ...(body === undefined ? {} : { body }),
        headers: method === "GET" || method === "POST" ? {} : { "if-match": "*" },
      });
    const [step, theirs] = [`/job-steps/${at(job, 1)}`, await makeProcess(api.sql, api.bravo)];
    for (const [method, path, body] of [
      ["POST", `/jobs/${job.job_id}/steps`, { process_id: theirs }],
      ["PUT", `/jobs/${job.job_id}/steps/order`, job.steps],
      ["GET", step],
      ["PATCH", step, { est_minutes: 1 }],
      ["DELETE", step],
      ["PUT", `${step}/assignment`, { member_id: null }],
      ["GET", `${step}/notes`],
      ["POST", `${step}/notes`, { note: "x" }],
    ] as const)
      await expectProblem(foreign(method, path, body), "not_found");
    expect(await look(job, job.steps)).toBe("1 ready");
  });
});

describe("notes", () => {
  test("are written by operators and staff in any state, and read newest first, page by page", async () => {
    const job = await jobOf([{}]);
    const path = `/job-steps/${at(job, 1)}/notes`;
    const list = (query = "") =>
      sent<Page<{ note: string; author_name: string }>>("GET", `${path}${query}`, { by: "clerk" });
    expect((await list()).data).toEqual([]);
    const first = await sent<{ author_id: string }>("POST", path, { by: "operator", body: { note: "One" } });
    expect(first).toMatchObject({ note: "One", author_id: memberOf("operator"), step_id: at(job, 1) });
    await put(at(job, 1), "completed");
    for (const note of ["Two", "Three"]) await sent("POST", path, { body: { note } });
    const page = await list("?limit=2");
    expect(page.data.map(({ note }) => note)).toEqual(["Three", "Two"]);
    const rest = await list(`?limit=2&cursor=${page.meta.next_cursor}`);
    expect(rest.data.map(({ note }) => note)).toEqual(["One"]);
    expect(rest.meta.next_cursor).toBeNull();
    for (const note of ["", " ", "x".repeat(4_001)])
      await expectProblem(send("POST", path, { body: { note } }), "validation");
  });
});
