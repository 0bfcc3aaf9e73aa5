import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { machineMoves } from "../../src/shop/machine-moves.ts";
import { machineStatuses, type MemberRole } from "../../src/platform/enums.ts";
import type { Page } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { rowOf } from "../helpers/savings-cash.ts";
import { makeJob, makeMachine, makeProcess } from "../helpers/shop.ts";

type Row = { id: string; version: number; [member: string]: unknown };

let api: TestApp;
const tokens = new Map<MemberRole, string>();
let process_id: string;

beforeAll(async () => {
  api = await startTestApp();
  for (const role of ["owner", "manager", "operator", "clerk"] as const)
    tokens.set(role, await api.token(api.alpha.people[role]));
  process_id = await makeProcess(api.sql, api.alpha);
});
afterAll(() => api.stop());

function send(
  method: string,
  path: string,
  { by = "owner", body, version }: { by?: MemberRole; body?: unknown; version?: string } = {},
): Promise<Response> {
  const headers = { "if-match": version ?? "*" };
  return api.send(method, `/api/v1${path}`, {
    token: tokens.get(by) ?? "",
    ...(body === undefined ? {} : { body }),
    headers: method === "GET" ? {} : headers,
  });
}
const read = <T = Row>(path: string, by: MemberRole = "owner"): Promise<T> =>
  rowOf<T>(send("GET", path, { by }));
const make = (path: string, body: unknown): Promise<Row> => rowOf<Row>(send("POST", path, { body }), 201);
let count = 0;
const named = () => ({ code: `N-${(count += 1)}`, name: `Number ${count}` });

/** Refusals that everything with a version has. */
async function expectVersioned(path: string, patch: object): Promise<void> {
  const bare = { token: tokens.get("owner") ?? "" };
  for (const [method, body] of [
    ["PATCH", patch],
    ["DELETE", undefined],
  ] as const) {
    const sent = { ...bare, ...(body === undefined ? {} : { body }) };
    await expectProblem(api.send(method, `/api/v1${path}`, sent), "precondition_required");
    await expectProblem(send(method, path, { body, version: '"99"' }), "precondition_failed");
    await expectProblem(send(method, path, { body, by: "operator" }), "forbidden");
    const lost = path.replace(/[^/]+$/, crypto.randomUUID());
    await expectProblem(send(method, lost, { body }), "not_found");
  }
}

describe("a machine", () => {
  test("is made with what is not said, found by what it can do, changed, archived, and removed while nothing used it", async () => {
    const response = await send("POST", "/machines", {
      body: { ...named(), process_ids: [process_id], rate_per_hour: { amount: 5_000, currency: "NGN" } },
    });
    const made = await rowOf<Row>(response.clone() as Response, 201);
    expect(made).toMatchObject({
      status: "active",
      capacity: 1,
      weekly_minutes: 2_400,
      rate_per_hour: { amount: 5_000, currency: "NGN" },
      processes: [{ id: process_id }],
      downtime: null,
      version: 1,
    });
    const path = `/machines/${made.id}`;
    expect(response.headers.get("location")).toBe(`/api/v1${path}`);
    expect(await read(path)).toEqual(made);
    const listed = async (query: string) =>
      (await read<Page<Row>>(`/machines?${query}`)).data.map(({ id }) => id);
    expect(await listed(`process_id=${process_id}`)).toEqual([made.id]);
    const changed = await rowOf<Row>(
      send("PATCH", path, { body: { process_ids: [], capacity: 2, rate_per_hour: null }, version: '"1"' }),
    );
    expect(changed).toMatchObject({ processes: [], capacity: 2, rate_per_hour: null, version: 2 });
    expect(await listed(`process_id=${process_id}`)).toEqual([]);
    await rowOf(send("PATCH", path, { body: { is_active: false } }));
    expect(await listed("limit=200")).not.toContain(made.id);
    expect(await listed("is_active=false")).toContain(made.id);
    await expectVersioned(path, { name: "x" });
    expect((await send("DELETE", path)).status).toBe(204);
    await expectProblem(send("GET", path), "not_found");
  });

  test("is refused with a code that is taken, a process of nobody, or a rate in another currency", async () => {
    const body = named();
    await make("/machines", body);
    const refused = [
      [body, "already_exists", "/code"],
      [{ ...named(), process_ids: [crypto.randomUUID()] }, "reference_not_found", "/process_ids"],
      [
        { ...named(), process_ids: [await makeProcess(api.sql, api.bravo)] },
        "reference_not_found",
        "/process_ids",
      ],
      [
        { ...named(), rate_per_hour: { amount: 1, currency: "USD" } },
        "validation",
        "/rate_per_hour/currency",
      ],
    ] as const;
    for (const [sent, code, pointer] of refused) {
      const problem = await expectProblem(send("POST", "/machines", { body: sent }), code);
      expect(problem.errors?.[0]?.pointer).toBe(pointer);
    }
    await expectProblem(send("POST", "/machines", { body: named(), by: "clerk" }), "forbidden");
  });

  test("goes from a status to its neighbours only", async () => {
    for (const from of machineStatuses) {
      for (const to of machineStatuses.filter((one) => one !== from)) {
        const id = await makeMachine(api.sql, api.alpha, [], { status: from });
        const asked = send("PATCH", `/machines/${id}`, { body: { status: to }, by: "manager" });
        if (machineMoves.some((move) => move.from === from && move.to === to)) {
          expect(await rowOf<Row>(asked)).toMatchObject({ status: to });
          continue;
        }
        const allowed = machineMoves.filter((move) => move.from === from).map((move) => move.to);
        expect(await expectProblem(asked, "illegal_transition")).toMatchObject({ from, to, allowed });
      }
    }
  });

  test("that a step is planned on is not removed", async () => {
    const machine_id = await makeMachine(api.sql, api.alpha, [process_id]);
    await makeJob(api.sql, api.alpha, [{ process_id, machine_id }]);
    await expectProblem(send("DELETE", `/machines/${machine_id}`), "in_use");
    await expectProblem(send("DELETE", `/processes/${process_id}`), "in_use");
  });
});

describe("downtime", () => {
  test("begins once, is shown, and ends once; not on an archived machine", async () => {
    const id = await makeMachine(api.sql, api.alpha, []);
    const path = `/machines/${id}/downtime`;
    const body = { kind: "availability_loss", reason: "Belt" };
    await expectProblem(send("POST", path, { body, by: "clerk" }), "forbidden");
    const both = await Promise.all([0, 1].map(() => send("POST", path, { body, by: "operator" })));
    const [lost, won] = both.toSorted((left, right) => right.status - left.status);
    expect([lost?.status, won?.status]).toEqual([409, 201]);
    await expectProblem(lost ?? Response.error(), "machine_overlap");
    const log = (await won?.json()) as Row;
    expect((await read(`/machines/${id}`))["downtime"]).toEqual(log);
    await expectProblem(send("POST", `${path}/${crypto.randomUUID()}/end`), "not_found");
    const other = await makeMachine(api.sql, api.alpha, []);
    await expectProblem(send("POST", `/machines/${other}/downtime/${log.id}/end`), "not_found");
    const ended = await rowOf<Row>(send("POST", `${path}/${log.id}/end`, { by: "operator" }));
    expect(ended["ended_at"]).toBeString();
    await expectProblem(send("POST", `${path}/${log.id}/end`), "illegal_transition");
    expect((await read(`/machines/${id}`))["downtime"]).toBeNull();
    await rowOf(send("PATCH", `/machines/${id}`, { body: { is_active: false } }));
    await expectProblem(send("POST", path, { body }), "machine_unavailable");
  });
});

describe("a process", () => {
  test("is made, changed, archived, and removed with what roles may do with it", async () => {
    const made = await make("/processes", { ...named(), default_minutes: 20 });
    const path = `/processes/${made.id}`;
    expect(await read(path)).toEqual(made);
    const changed = await rowOf<Row>(
      send("PATCH", path, { body: { default_minutes: null, is_active: false } }),
    );
    expect(changed).toMatchObject({ default_minutes: null, is_active: false, version: 2 });
    const ids = async (query: string) =>
      (await read<Page<Row>>(`/processes${query}`)).data.map(({ id }) => id);
    expect(await ids("")).not.toContain(made.id);
    expect(await ids("?is_active=false")).toEqual([made.id]);
    await expectVersioned(path, { name: "x" });
    const taken = await expectProblem(
      send("POST", "/processes", { body: { code: made["code"], name: "x" } }),
      "already_exists",
    );
    expect(taken.errors?.[0]?.pointer).toBe("/code");
    expect((await send("DELETE", path)).status).toBe(204);
  });
});

describe("what roles may do with processes", () => {
  const path = "/role-process-permissions";
  test("is replaced as a whole, by who knows what it was; once removed, a process has none", async () => {
    const made = await make("/processes", named());
    const item = { role: "operator", process_id: made.id, can_view: true, can_work: true, can_assign: false };
    const before = await send("GET", path);
    const version = before.headers.get("etag")?.match(/W\/"(\d+)\./)?.[1];
    const put = (items: readonly object[], given?: string) =>
      send("PUT", path, { body: { items }, ...(given === undefined ? {} : { version: given }) });
    const set = await rowOf<{ items: Row[] }>(put([item], `"${version}"`));
    expect(set.items as object[]).toEqual([item]);
    expect(await read<object>(path)).toEqual(set);
    await expectProblem(put([], `"${version}"`), "precondition_failed");
    const bare = { token: tokens.get("owner") ?? "", body: { items: [] } };
    await expectProblem(api.send("PUT", `/api/v1${path}`, bare), "precondition_required");
    const twice = await expectProblem(put([item, { ...item, can_work: false }]), "validation");
    expect(twice.errors?.[0]?.pointer).toBe("/items");
    await expectProblem(put([{ ...item, process_id: crypto.randomUUID() }]), "reference_not_found");
    await expectProblem(put([{ ...item, role: "manager" }]), "validation");
    expect(await read<object>(path)).toEqual(set);
    expect((await send("DELETE", `/processes/${made.id}`)).status).toBe(204);
    expect(await read<object>(path)).toEqual({ items: [], version: 0 });
    await expectProblem(send("GET", path, { by: "manager" }), "forbidden");
  });

  test("hides the queue of a machine from a role that may not view", async () => {
    const hidden = await makeProcess(api.sql, api.alpha);
    const machine_id = await makeMachine(api.sql, api.alpha, [hidden]);
    const { steps } = await makeJob(api.sql, api.alpha, [{ process_id: hidden, machine_id }]);
    const queue = async (by: MemberRole) =>
      (await read<Page<Row>>(`/machines/${machine_id}/queue`, by)).data.map(({ id }) => id);
    expect(await queue("operator")).toEqual([...steps]);
    const items = [{ role: "clerk", process_id: hidden, can_view: true, can_work: false, can_assign: false }];
    await rowOf(send("PUT", path, { body: { items } }));
    expect([await queue("operator"), await queue("clerk"), await queue("owner")]).toEqual([
      [],
      [...steps],
      [...steps],
    ]);
    await rowOf(send("PUT", path, { body: { items: [] } }));
  });
});

describe("a routing", () => {
  test("waits in order unless told otherwise; its steps are replaced, and jobs do not keep it", async () => {
    const machine_id = await makeMachine(api.sql, api.alpha, [process_id]);
    const steps = [
      { process_id },
      { process_id, machine_id, est_minutes: 5 },
      { process_id, depends_on: [] },
      { process_id, depends_on: [3, 1, 3] },
    ];
    const made = await make("/routings", { name: "Bracket", steps });
    const waits = (row: Row) =>
      (row["steps"] as { depends_on: number[] }[]).map(({ depends_on }) => depends_on);
    expect(waits(made)).toEqual([[], [1], [], [1, 3]]);
    const path = `/routings/${made.id}`;
    expect(await read(path)).toEqual(made);
    expect((await read<Page<Row>>("/routings")).data).toMatchObject([{ name: "Bracket", steps_total: 4 }]);
    const renamed = await rowOf<Row>(send("PATCH", path, { body: { name: "Clamp" } }));
    expect(waits(renamed)).toEqual(waits(made));
    const replaced = await rowOf<Row>(send("PATCH", path, { body: { steps: [{ process_id }] } }));
    expect(replaced).toMatchObject({ name: "Clamp", version: 3 });
    expect(waits(replaced)).toEqual([[]]);
    await expectVersioned(path, { name: "x" });
    const archived = await makeProcess(api.sql, api.alpha, { is_active: false });
    const unable = await makeMachine(api.sql, api.alpha, []);
    const refused = [
      [[{ process_id: archived }], "reference_not_found"],
      [[{ process_id: crypto.randomUUID() }], "reference_not_found"],
      [[{ process_id, machine_id: crypto.randomUUID() }], "reference_not_found"],
      [[{ process_id, machine_id: unable }], "machine_process_mismatch"],
      [[{ process_id, depends_on: [1] }], "dependency_cycle"],
      [[{ process_id, depends_on: [2] }, { process_id }], "dependency_cycle"],
      [[{ process_id, depends_on: [0] }], "validation"],
      [[], "validation"],
    ] as const;
    for (const [wrong, code] of refused) {
      await expectProblem(send("POST", "/routings", { body: { name: "Wrong", steps: wrong } }), code);
      await expectProblem(send("PATCH", path, { body: { steps: wrong } }), code);
    }
    await expectProblem(
      send("POST", "/routings", { body: { name: "Clamp", steps: [{ process_id }] } }),
      "already_exists",
    );
    expect(await read(path)).toEqual(replaced);
    expect((await send("DELETE", path)).status).toBe(204);
  });
});

describe("figures", () => {
  test("are asked for 366 days at most, the last after the first; of a machine that is there", async () => {
    const id = await makeMachine(api.sql, api.alpha, [], { weekly_minutes: 0 });
    expect(await read(`/machines/${id}/oee`)).toMatchObject({
      oee: null,
      performance_pct: null,
      load_pct: null,
    });
    for (const query of ["from=2026-01-02&to=2026-01-01", "from=2025-01-01&to=2026-01-02", "from=2026-02-30"])
      await expectProblem(send("GET", `/machines/${id}/oee?${query}`), "validation");
    for (const days of ["0", "91"])
      await expectProblem(send("GET", `/machines/board?days=${days}`), "validation");
    for (const path of ["oee", "queue"])
      await expectProblem(send("GET", `/machines/${crypto.randomUUID()}/${path}`), "not_found");
  });
});
