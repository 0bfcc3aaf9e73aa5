import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startBackgroundJobs } from "../../src/core/background-jobs.ts";
import { createAdmin } from "../../src/http/admin.ts";
import { version } from "../../src/platform/version.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { makeThings, type Things } from "../helpers/things.ts";
import { until } from "../helpers/replicas.ts";

let api: TestApp;
let things: Things;
let token: string;

beforeAll(async () => {
  api = await startTestApp({ env: { REPLICA: "api-7", LOG_LEVEL: "debug" } });
  things = await makeThings(api.sql, api.alpha);
  token = await api.token(api.alpha.people.owner);
});
afterAll(() => api.stop());

/** The name in an answer, after what was asked and how it ended. */
const named = (what: string, { status, headers }: Response) =>
  `${what} ${status} ${headers.get("x-replica")}`;

describe("the replica's name is in every answer", () => {
  test("of every route: without a token, with one, to HEAD, to OPTIONS, and when nothing has changed", async () => {
    const wrong: string[] = [];
    const seen = new Set<number>();
    let asked = 0;
    for (const { method, template, takes_body } of api.app.routes.routes) {
      const filled = template.includes("{id}") ? template.replace("{id}", things.idOf(template)) : template;
      const path = filled.replaceAll(/\{\w+\}|\*/g, "x");
      const ask = async (how: string, headers: Record<string, string>, body?: string): Promise<Response> => {
        const response = await fetch(`${api.url}${path}`, {
          method: how,
          headers,
          redirect: "manual",
          ...(body === undefined ? {} : { body }),
        });
        await response.arrayBuffer();
        asked += 1;
        seen.add(response.status);
        if (response.headers.get("x-replica") !== "api-7") wrong.push(named(`${how} ${path}`, response));
        return response;
      };
      await ask(method, {});
      await ask("OPTIONS", { origin: "https://office.example" });
      if (template.includes("logout")) continue;
      const authorization = `Bearer ${token}`;
      const json = { authorization, "content-type": "application/json" };
      const first = takes_body ? await ask(method, json, "{") : await ask(method, { authorization });
      if (method !== "GET") continue;
      await ask("HEAD", { authorization });
      const etag = first.headers.get("etag");
      if (etag === null) continue;
      expect((await ask("GET", { authorization, "if-none-match": etag })).status).toBe(304);
    }
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(200);
    expect([...seen]).toEqual(expect.arrayContaining([200, 204, 304, 400, 401]));
  });

  test("that no route gives: unknown paths, wrong methods, what is too large, and our own bugs", async () => {
    const ask = (path: string, init: RequestInit = {}) => fetch(`${api.url}${path}`, init);
    const answers = [
      await ask("/nothing"),
      await ask("/api/v1/nothing", { method: "POST", body: "{}" }),
      await ask("/health", { method: "DELETE" }),
      await ask("/docs/assets/nothing.js"),
      await ask("/health", { headers: { accept: "image/png" } }),
      await ask("/api/v1/customers", {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: "x".repeat(1_100_000),
      }),
    ];
    const statuses = answers.map((answer) => named("", answer).trim());
    expect(statuses).toEqual([404, 404, 405, 404, 406, 413].map((status) => `${status} api-7`));
    const { schemaProblem } = api.lifecycle;
    api.lifecycle.schemaProblem = () => Promise.reject(new Error("a bug"));
    const broken = await ask("/readyz");
    api.lifecycle.schemaProblem = schemaProblem;
    expect(named("", broken).trim()).toBe("500 api-7");
  });

  test("of the admin port, refusals and bugs included, with the id of the request", async () => {
    const admin = createAdmin(api.deps, api.app.handle);
    const ask = (path: string, init: RequestInit = {}) =>
      admin(
        new Request(`http://localhost${path}`, { headers: { "x-request-id": "scrape-123" }, ...init }),
        () => "127.0.0.1",
      );
    const paths = ["/metrics", "/health", "/livez", "/readyz", "/cache/clear", "/nothing"];
    const answers = await Promise.all(paths.map((path) => ask(path)));
    expect(answers.map((answer) => named("", answer).trim())).toEqual(
      [200, 200, 200, 200, 405, 404].map((status) => `${status} api-7`),
    );
    for (const { headers } of answers) expect(headers.get("x-request-id")).toBe("scrape-123");
    const failing = {
      ...api.deps,
      metrics: { ...api.deps.metrics, render: () => Promise.reject(new Error()) },
    };
    const broken = await createAdmin(failing, api.app.handle)(
      new Request("http://localhost/metrics"),
      () => null,
    );
    expect(named("", broken).trim()).toBe("500 api-7");
    await expectProblem(broken, "internal");
    await until("the bug is in the log", () => api.lines.some((line) => line.includes('"path":"/metrics"')));
  });
});

describe("the replica's name is in every line of the log", () => {
  test("of requests, refusals, bugs and background jobs", async () => {
    const jobs = startBackgroundJobs(api.deps, [
      { name: "failing", every_ms: 1, run: () => Promise.reject(new Error("out of order")) },
    ]);
    await until("the job has failed", () => api.lines.some((line) => line.includes("background job failed")));
    await jobs.stop();
    await api.send("GET", "/api/v1/me", { token });
    await api.send("GET", "/api/v1/me");
    const lines = api.lines.map((line) => JSON.parse(line) as { replica?: string; level: string });
    expect(lines.filter(({ replica }) => replica !== "api-7")).toEqual([]);
    const levels = new Set(lines.map(({ level }) => level));
    expect([...levels].toSorted()).toEqual(expect.arrayContaining(["error", "info", "warn"]));
  });
});

test("a replica that starts is alive, and not ready", async () => {
  api.lifecycle.state = "starting";
  const ready = await api.send("GET", "/readyz");
  const alive = await api.send("GET", "/livez");
  api.lifecycle.state = "ready";
  expect([ready.status, await ready.json()]).toEqual([503, { status: "not_ready", reason: "starting" }]);
  expect(alive.status).toBe(200);
});

describe("the metrics of a replica", () => {
  const json = { headers: { accept: "application/json" } };

  test("say which replica and version they are of, and since when it is up", async () => {
    const text = await (await fetch(`${api.url}/metrics`)).text();
    expect(text).toContain(`build_info{version="${version}",bun="${Bun.version}",replica="api-7"} 1`);
    const started_s = Number(/^process_start_time_seconds (\S+)$/m.exec(text)?.[1]);
    expect(Math.abs(Date.now() / 1_000 - process.uptime() - started_s)).toBeLessThan(1);
    const report = (await (await fetch(`${api.url}/metrics`, json)).json()) as Record<string, unknown>;
    expect(report).toMatchObject({ replica: "api-7", version, redis: null });
    expect(Math.abs(Number(report["uptime_s"]) - process.uptime())).toBeLessThan(5);
  });

  test("are as JSON what the pool is doing", async () => {
    await api.send("GET", "/api/v1/health/db/test", { token });
    const { database } = (await (await fetch(`${api.url}/metrics`, json)).json()) as {
      database: Record<string, number>;
    };
    const lanes = Object.values(api.deps.db.stats());
    const open = lanes.reduce((sum, { size }) => sum + size, 0);
    expect(open).toBeGreaterThan(0);
    expect(database).toMatchObject({
      pool_size: 5,
      connections_checked_in: open,
      connections_checked_out: 0,
      overflow: 0,
      total_connections: open,
    });
  });

  test("are nobody's who comes from elsewhere, or through a proxy of this machine", async () => {
    const ask = (peer: string, headers: Record<string, string> = {}) =>
      api.app.handle(new Request("http://localhost/metrics", { headers }), () => peer);
    expect((await ask("127.0.0.1")).status).toBe(200);
    expect((await ask("::1")).status).toBe(200);
    for (const peer of ["203.0.113.9", "10.0.0.2", "2001:db8::1"])
      await expectProblem(ask(peer), "not_found");
    for (const header of ["x-forwarded-for", "x-real-ip", "forwarded", "via"]) {
      await expectProblem(ask("127.0.0.1", { [header]: "127.0.0.1" }), "not_found");
    }
  });
});
