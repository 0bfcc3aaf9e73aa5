import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let owner: string;

beforeAll(async () => {
  api = await startTestApp({
    env: { CORS_ORIGINS: "https://office.example", CORS_ALLOW_CREDENTIALS: "true", MAX_BODY_BYTES: "10000" },
  });
  owner = await api.token(api.alpha.people.owner);
});
afterAll(() => api.stop());

describe("errors", () => {
  test("an unknown path is a 404 problem", async () => {
    const body = await expectProblem(await api.send("GET", "/api/v1/nothing", { token: owner }), "not_found");
    expect(body["instance"]).toBe("/api/v1/nothing");
  });

  test("a wrong method is 405 with Allow", async () => {
    const response = await api.send("DELETE", "/api/v1/customers", { token: owner });
    expect(response.headers.get("allow")).toBe("GET, POST, HEAD, OPTIONS");
    await expectProblem(response, "method_not_allowed");
  });

  test.each([
    ["not JSON", "{", "malformed_json"],
    ["empty", "", "malformed_json"],
    ["broken UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "malformed_json"],
    ["deeply nested", "[".repeat(5_000), "malformed_json"],
    ["not an object", "[]", "validation"],
    ["an unknown field", '{"name":"A","role":"owner"}', "validation"],
    ["a prototype", '{"name":"A","__proto__":{"is_active":false}}', "validation"],
    ["a wrong type", '{"name":5}', "validation"],
    ["a blank name", '{"name":"  "}', "validation"],
    ["a NUL character", '{"name":"A\\u0000B"}', "validation"],
    ["a lone surrogate", '{"name":"A\\ud800B"}', "validation"],
    [
      "another business's id",
      '{"name":"A","business_id":"0199c0de-0000-7000-8000-000000000000"}',
      "validation",
    ],
  ] as const)("a body that is %s is refused", async (_, body, code) => {
    const headers = { "content-type": "application/json" };
    const response = await api.send("POST", "/api/v1/customers", { token: owner, body, headers });
    await expectProblem(response, code);
  });

  test("validation names each member that is wrong", async () => {
    const response = await api.send("POST", "/api/v1/customers", {
      token: owner,
      body: { name: "A", phone: "12", email: "x" },
    });
    const body = await expectProblem(response, "validation");
    const pointers = (body.errors ?? []).map(({ pointer }) => pointer).sort();
    expect(pointers).toEqual(["/email", "/phone"]);
  });

  test("an unknown or malformed query parameter is refused by name", async () => {
    for (const query of [
      "colour=red",
      "limit=0",
      "limit=201",
      "limit=ten",
      "sort=secret",
      "is_active=maybe",
    ]) {
      const body = await expectProblem(
        await api.send("GET", `/api/v1/customers?${query}`, { token: owner }),
        "validation",
      );
      expect(body.errors?.[0]?.pointer).toBe(query.split("=")[0] ?? "");
    }
  });

  test("a list of values is refused by the name of its parameter", async () => {
    for (const query of ["status=lost", "status=active,lost", "due_from=2026-02-30", "machine_id=5"]) {
      const response = await api.send("GET", `/api/v1/jobs?${query}`, { token: owner });
      const body = await expectProblem(response, "validation");
      expect(body.errors?.[0]?.pointer).toBe(query.split("=")[0] ?? "");
    }
    for (const query of ["status=active,draft", "status=active&status=draft"]) {
      expect((await api.send("GET", `/api/v1/jobs?${query}`, { token: owner })).status).toBe(200);
    }
  });

  test("a malformed id in the path is refused by name", async () => {
    const body = await expectProblem(
      await api.send("GET", "/api/v1/customers/5", { token: owner }),
      "validation",
    );
    expect(body.errors?.[0]?.pointer).toBe("id");
  });

  test("another media type is 415 and says what is taken", async () => {
    const headers = { "content-type": "text/plain" };
    const response = await api.send("POST", "/api/v1/customers", { token: owner, body: "name=A", headers });
    expect(response.headers.get("accept-post")).toBe("application/json");
    await expectProblem(response, "unsupported_media_type");
  });

  test("a body over the limit is 413, announced or streamed", async () => {
    const big = JSON.stringify({ name: "A", notes: "n".repeat(20_000) });
    await expectProblem(
      await api.send("POST", "/api/v1/customers", {
        token: owner,
        body: big,
        headers: { "content-type": "application/json" },
      }),
      "payload_too_large",
    );
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 20; at += 1)
          controller.enqueue(new TextEncoder().encode(big.slice(at * 1_000, at * 1_000 + 1_000)));
        controller.close();
      },
    });
    const headers = { "content-type": "application/json", authorization: `Bearer ${owner}` };
    await expectProblem(
      await fetch(`${api.url}/api/v1/customers`, { method: "POST", body: stream, headers }),
      "payload_too_large",
    );
  });

  test("an answer in no acceptable media type is 406", async () => {
    await expectProblem(
      await api.send("GET", "/api/v1/business", { token: owner, headers: { accept: "application/xml" } }),
      "not_acceptable",
    );
  });

  test("no credentials, a malformed header and a strange token are 401 with a challenge", async () => {
    const none = await api.send("GET", "/api/v1/me");
    expect(none.headers.get("www-authenticate")).toBe('Bearer realm="countinghouse"');
    await expectProblem(none, "unauthenticated");
    for (const authorization of ["Basic dXNlcjpwYXNz", "Bearer", "Bearer a b", "Bearer abc.def.ghi"]) {
      const response = await api.send("GET", "/api/v1/me", { headers: { authorization } });
      expect(response.headers.get("www-authenticate")).toContain('error="invalid_token"');
      await expectProblem(response, "invalid_token");
    }
  });

  test("who may not is told before the body is looked at", async () => {
    const customer = await api.token(api.alpha.people.customer);
    const headers = { "content-type": "application/json" };
    await expectProblem(
      await api.send("POST", "/api/v1/customers", { token: customer, body: "{", headers }),
      "forbidden",
    );
  });
});

describe("headers of every answer", () => {
  test("timing, request id, replica and security headers", async () => {
    for (const path of ["/health", "/api/v1/nothing", "/api/v1/me"]) {
      const { headers } = await api.send("GET", path);
      expect(headers.get("x-process-time")).toMatch(/^\d+\.\d{4}$/);
      expect(headers.get("server-timing")).toMatch(
        /^auth;dur=[\d.]+, cache;dur=[\d.]+, db;dur=[\d.]+, app;dur=[\d.]+$/,
      );
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      expect(headers.get("x-replica")).toBe("test");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    }
  });

  test("a harmless request id is kept, another one replaced", async () => {
    const keep = await api.send("GET", "/health", { headers: { "x-request-id": "client-7f3a9b22" } });
    expect(keep.headers.get("x-request-id")).toBe("client-7f3a9b22");
    const replace = await api.send("GET", "/health", { headers: { "x-request-id": "a b <script>" } });
    expect(replace.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("the log has one line for a request, with its trace, and no secrets", async () => {
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01`, "x-request-id": "trace-test-1" };
    await api.send("GET", "/api/v1/customers?q=secretname", { token: owner, headers });
    const lines = api.lines.filter((line) => line.includes("trace-test-1"));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "{}")).toMatchObject({
      trace_id: trace,
      route: "/api/v1/customers",
      status: 200,
      method: "GET",
    });
    expect(api.lines.join("\n")).not.toContain(owner);
    expect(api.lines.join("\n")).not.toContain("secretname");
  });

  test("HEAD answers with the headers of GET and no body", async () => {
    const get = await api.send("GET", "/api/v1/business", { token: owner });
    const head = await api.send("HEAD", "/api/v1/business", { token: owner });
    expect(head.status).toBe(200);
    expect(head.headers.get("etag")).toBe(get.headers.get("etag"));
    expect(head.headers.get("content-length")).toBe(String((await get.text()).length));
    expect(await head.text()).toBe("");
  });
});

describe("caching", () => {
  test("If-None-Match with the tag is 304 without a body, with another tag 200", async () => {
    const first = await api.send("GET", "/api/v1/business", { token: owner });
    const etag = first.headers.get("etag") ?? "";
    expect(first.headers.get("cache-control")).toBe("private, no-cache");
    expect(etag).toMatch(/^W\/"/);
    for (const header of [etag, `"other", ${etag}`, "*", etag.slice(2)]) {
      const again = await api.send("GET", "/api/v1/business", {
        token: owner,
        headers: { "if-none-match": header },
      });
      expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    }
    const other = await api.send("GET", "/api/v1/business", {
      token: owner,
      headers: { "if-none-match": '"other"' },
    });
    expect(other.status).toBe(200);
  });
});

describe("CORS", () => {
  test("a listed origin may read, another may not", async () => {
    const listed = await api.send("GET", "/health", { headers: { origin: "https://office.example" } });
    expect(listed.headers.get("access-control-allow-origin")).toBe("https://office.example");
    expect(listed.headers.get("access-control-allow-credentials")).toBe("true");
    expect(listed.headers.get("vary")).toContain("origin");
    const other = await api.send("GET", "/health", { headers: { origin: "https://evil.example" } });
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("a preflight says which methods the resource has", async () => {
    const headers = { origin: "https://office.example", "access-control-request-method": "PATCH" };
    const response = await api.send("OPTIONS", "/api/v1/customers", { headers });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-methods")).toBe("GET, POST, HEAD, OPTIONS");
    expect(response.headers.get("access-control-allow-headers")).toContain("Idempotency-Key");
  });

  test("OPTIONS without an origin answers with Allow; of an unknown path 404", async () => {
    const response = await api.send("OPTIONS", "/api/v1/customers/0199c0de-0000-7000-8000-000000000000");
    expect(response.headers.get("allow")).toBe("GET, PATCH, HEAD, OPTIONS");
    await expectProblem(await api.send("OPTIONS", "/api/v1/nothing"), "not_found");
  });
});

describe("health", () => {
  test("health, liveness and readiness", async () => {
    const health = await api.send("GET", "/health");
    expect(await health.json()).toMatchObject({
      status: "healthy",
      redis: "disabled",
      database: "healthy",
      replica: "test",
    });
    expect((await api.send("GET", "/livez")).status).toBe(200);
    expect((await api.send("GET", "/readyz")).status).toBe(200);
  });

  test("a replica that drains is not ready and closes its connections", async () => {
    api.lifecycle.state = "draining";
    const response = await api.send("GET", "/readyz");
    api.lifecycle.state = "ready";
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ status: "not_ready", reason: "draining" });
  });

  test("operators see pools, budget and indexes; others do not", async () => {
    const response = await api.send("GET", "/api/v1/health/db", { token: owner });
    const body = (await response.json()) as {
      pool_stats: Record<string, number>;
      indexes: Record<string, string[]>;
    };
    expect(body.pool_stats["max_connections"]).toBe(5);
    expect(body.indexes["missing"]).toEqual([]);
    const clerk = await api.token(api.alpha.people.clerk);
    await expectProblem(await api.send("GET", "/api/v1/health/db", { token: clerk }), "forbidden");
  });

  test("lanes that the server cannot carry for all replicas are a warning with the arithmetic", async () => {
    const crowd = await startTestApp({
      env: { REPLICAS: "100" },
      database_url: api.database_url,
      businesses: [api.alpha, api.bravo],
    });
    const response = await crowd.send("GET", "/api/v1/health/db", { token: owner });
    const body = (await response.json()) as { status: string; warnings: string[] };
    await crowd.stop();
    expect(body.status).toBe("warning");
    expect(body.warnings.join()).toContain(
      "100 replicas × (2 fast + 2 write + 1 report) + 5 in reserve = 505",
    );
  });

  test("a dropped performance index is reported as missing", async () => {
    await api.sql.unsafe("drop index shop.jobs_page_ix");
    const response = await api.send("GET", "/api/v1/health/db", { token: owner });
    expect(await response.json()).toMatchObject({
      status: "warning",
      indexes: { missing: ["jobs_page_ix"] },
    });
  });
});
