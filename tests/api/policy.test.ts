import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { allows, permissions } from "../../src/http/policy.ts";
import type { Route } from "../../src/http/route-table.ts";
import { memberRoles } from "../../src/platform/enums.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeThings, type Things } from "../helpers/things.ts";

let api: TestApp;
let things: Things;

beforeAll(async () => {
  api = await startTestApp();
  things = await makeThings(api.sql, api.bravo);
});
afterAll(() => api.stop());

const guarded = () => api.app.routes.routes.filter(({ declaration }) => declaration.permission !== "public");

/** A body that gets past the media type: what matters here is decided before anybody looks into it. */
function ask(route: Route, path: string, token: string): Promise<Response> {
  const type = route.declaration.consumes?.[0] ?? "application/json";
  const body = type.startsWith("multipart/") ? new FormData() : type === "application/json" ? "{}" : "name\n";
  const headers: Record<string, string> = { "if-match": "*", "idempotency-key": crypto.randomUUID() };
  if (!(body instanceof FormData)) headers["content-type"] = type;
  return api.send(route.method, path, { token, headers, ...(route.takes_body ? { body } : {}) });
}

/** What lies below a thing is not looked for where the thing is not there. */
const pathWith = (route: Route, id: string) =>
  randomPath({ ...route, template: route.template.replace("{id}", id) });

const randomPath = (route: Route) =>
  route.template.replace("{month}", "2026-01").replaceAll(/\{\w+\}/g, () => crypto.randomUUID());

describe("policy", () => {
  test("every permission is used by a route, and every route has one", () => {
    const used = new Set<string>(api.app.routes.routes.map(({ declaration }) => declaration.permission));
    expect(Object.keys(permissions).filter((permission) => !used.has(permission))).toEqual([]);
  });

  test("every route refuses a request without a token", async () => {
    for (const route of guarded()) {
      const response = await api.send(route.method, randomPath(route));
      expect(`${route.method} ${route.template} ${response.status}`).toEndWith(" 401");
    }
  });

  test.each(memberRoles)("%s may do what the table says on every route, and nothing else", async (role) => {
    const wrong: string[] = [];
    for (const route of guarded()) {
      const token = await api.token(api.alpha.people[role]);
      const response = await ask(route, randomPath(route), token);
      const refused = response.status === 403;
      if (
        refused === allows(route.declaration.permission, role) ||
        response.status === 401 ||
        response.status >= 500
      ) {
        wrong.push(`${route.method} ${route.template}: ${response.status}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("tenants", () => {
  test("another business's id is 404 on every route that takes one, and changes nothing", async () => {
    const before = await fingerprint();
    const wrong: string[] = [];
    let tried = 0;
    for (const route of guarded().filter(({ template }) => template.includes("{id}"))) {
      const id = things.idOf(route.template);
      const role = memberRoles.find((some) => allows(route.declaration.permission, some)) ?? "owner";
      const token = await api.token(api.alpha.people[role]);
      const response = await ask({ ...route }, pathWith(route, id), token);
      const text = await response.text();
      // A body is validated first where there is one; then the same request with a valid body decides.
      const status = response.status === 422 ? await withValidBody(route, id, token) : response.status;
      tried += 1;
      if (status !== 404 || things.canaries.some((canary) => text.includes(canary))) {
        wrong.push(`${route.method} ${route.template}: ${status}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(10);
    expect(await fingerprint()).toEqual(before);
  });

  async function withValidBody(route: Route, id: string, token: string): Promise<number> {
    const body = exampleOf(route);
    if (body === undefined) throw new Error(`${route.method} ${route.template} has no example of its body`);
    const headers: Record<string, string> = { "if-match": "*", "idempotency-key": crypto.randomUUID() };
    if (typeof body === "string") headers["content-type"] = route.declaration.consumes?.[0] ?? "text/plain";
    const response = await api.send(route.method, pathWith(route, id), {
      token,
      body,
      headers,
    });
    return response.status;
  }

  /** What a route documents as its body; a form with a file where it takes one and documents nothing. */
  function exampleOf({ declaration: { examples, consumes } }: Route): unknown {
    if (examples?.request !== undefined || consumes?.includes("multipart/form-data") !== true)
      return examples?.request;
    const form = new FormData();
    form.set("file", new File(["words"], "words.txt", { type: "text/plain" }));
    return form;
  }

  /** Everything bravo owns, as one hash. */
  async function fingerprint(): Promise<unknown> {
    const [row] = await api.sql.unsafe(things.fingerprintQuery, [api.bravo.id]);
    return row;
  }

  test("the foreign business itself cannot be entered, by header or by switching", async () => {
    const token = await api.token(api.alpha.people.owner);
    const byHeader = await api.send("GET", "/api/v1/customers", {
      token,
      headers: { "x-business-id": api.bravo.id },
    });
    expect(byHeader.status).toBe(404);
    const missing = await api.send("GET", "/api/v1/customers", {
      token,
      headers: { "x-business-id": crypto.randomUUID() },
    });
    expect(missing.status).toBe(404);
    const bySwitch = await api.send("POST", "/api/v1/me/active-business", {
      token,
      body: { business_id: api.bravo.id },
    });
    expect(bySwitch.status).toBe(404);
  });

  test("no list, export or dashboard shows a foreign row, whatever its filters name", async () => {
    const token = await api.token(api.alpha.people.owner);
    const reads = guarded().filter(({ method, template }) => method === "GET" && !template.includes("{"));
    const theirs = `customer_id=${things.applicant_id}`;
    const compliance = await api.token(api.alpha.people.compliance);
    const filters = `customer_id=${things.customer_id}&assigned_to=${api.bravo.people.operator.member_id}&machine_id=${things.machine_id}`;
    const paths = [
      ...reads.map(({ template }) => template),
      `/api/v1/jobs?${filters}`,
      "/api/v1/customers?q=canary",
    ];
    for (const path of ["status", "next-steps", "documents"]) {
      const foreign = `/api/v1/kyc/${path}?${theirs}`;
      expect([path, (await api.send("GET", foreign, { token: compliance })).status]).toEqual([path, 404]);
    }
    const queue = await (await api.send("GET", "/api/v1/kyc/queue", { token: compliance })).text();
    for (const canary of things.canaries) expect(queue.includes(canary)).toBe(false);
    for (const path of paths) {
      for (const accept of ["application/json", "text/csv"]) {
        const text = await (await api.send("GET", path, { token, headers: { accept } })).text();
        for (const canary of things.canaries)
          expect(`${path} ${text.includes(canary)}`).toBe(`${path} false`);
      }
    }
  });
});
