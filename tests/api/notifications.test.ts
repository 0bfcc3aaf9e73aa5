import { afterAll, beforeAll, expect, test } from "bun:test";
import { notify } from "../../src/core/notifications.ts";
import type { Deps } from "../../src/http/deps.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let operator: string;

beforeAll(async () => {
  api = await startTestApp();
  operator = await api.token(api.alpha.people.operator);
});
afterAll(() => api.stop());

type Notification = { id: string; title: string; read_at: string | null };
type List = { data: Notification[]; meta: { next_cursor: string | null } };

const list = async (query = "", token = operator) =>
  (await (await api.send("GET", `/api/v1/notifications${query}`, { token })).json()) as List;
const tell = (notice: Parameters<typeof notify>[2], actor = api.alpha.people.owner.user_id) =>
  notify(api.deps as Deps, { business_id: api.alpha.id, user_id: actor }, notice);

test("members named and members of a role are told once each, the actor not, another business never", async () => {
  const { operator: colleague, owner } = api.alpha.people;
  const told = await tell({
    type: "step.assigned",
    title: "Cut 40 plates",
    ref_type: "job_step",
    ref_id: Bun.randomUUIDv7(),
    member_ids: [colleague.member_id, owner.member_id, api.bravo.people.operator.member_id],
    roles: ["operator", "manager"],
  });
  expect(told).toBe(2);
  const { data } = await list();
  expect(data).toMatchObject([{ type: "step.assigned", title: "Cut 40 plates", body: null, read_at: null }]);
  expect((await list("", await api.token(owner))).data).toEqual([]);
  expect((await list("", await api.token(api.bravo.people.operator))).data).toEqual([]);
});

test("reading marks one, keeps its instant, and is nobody else's business", async () => {
  const [first] = (await list()).data;
  const path = `/api/v1/notifications/${first?.id}/read`;
  for (const person of [api.alpha.people.owner, api.alpha.people.manager, api.bravo.people.operator]) {
    await expectProblem(await api.send("POST", path, { token: await api.token(person) }), "not_found");
  }
  const read = (await (await api.send("POST", path, { token: operator })).json()) as Notification;
  expect(read.read_at).toMatch(/^\d{4}-.*Z$/);
  const again = await api.send("POST", path, { token: operator });
  expect(await again.json()).toEqual(read);
  await expectProblem(
    await api.send("POST", "/api/v1/notifications/not-a-uuid/read", { token: operator }),
    "validation",
  );
});

test("pages, the unread filter, and reading all", async () => {
  for (let n = 1; n <= 25; n += 1) {
    await tell({ type: "test", title: `Notice ${n}`, member_ids: [api.alpha.people.operator.member_id] });
  }
  const titles: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: List = await list(`?limit=10&unread=true${cursor === "" ? "" : `&cursor=${cursor}`}`);
    titles.push(...page.data.map(({ title }) => title));
    cursor = page.meta.next_cursor;
  }
  expect(titles).toEqual(Array.from({ length: 25 }, (_, at) => `Notice ${25 - at}`));
  const readAll = async () => {
    const response = await api.send("POST", "/api/v1/notifications/read-all", { token: operator });
    return response.json();
  };
  expect(await readAll()).toEqual({ read: 25 });
  expect(await readAll()).toEqual({ read: 0 });
  expect((await list("?unread=true")).data).toEqual([]);
  expect((await list("?unread=false&limit=200")).data.length).toBe(26);
  const manager = await api.token(api.alpha.people.manager);
  expect((await list("?unread=true", manager)).data.length).toBe(1);
});

test("a cursor of one person is of no use to another filter", async () => {
  const { meta } = await list("?limit=5");
  const path = `/api/v1/notifications?unread=false&cursor=${meta.next_cursor}`;
  await expectProblem(await api.send("GET", path, { token: operator }), "invalid_cursor");
});
