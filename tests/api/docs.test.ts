import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { currentDocument, documentPath } from "../helpers/openapi.ts";

let api: TestApp;

beforeAll(async () => {
  api = await startTestApp();
});
afterAll(() => api.stop());

describe("/docs", () => {
  test("runs no script and no style but files of ours", async () => {
    for (const path of ["/docs", "/docs/guide", "/docs/errors"]) {
      const response = await api.send("GET", path);
      const policy = response.headers.get("content-security-policy");
      expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).not.toContain("unsafe");
      const html = await response.text();
      expect(html).not.toMatch(
        /<script(?![^>]* src="\/docs\/assets\/)|<style| style=|(src|href)="(https?:)?\/\//,
      );
    }
  });

  test("keeps its files for a year under names that change with their content", async () => {
    const html = await (await api.send("GET", "/docs")).text();
    const files = [...html.matchAll(/(?:src|href)="(\/docs\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
    expect(new Set(files).size).toBe(5);
    for (const path of files) {
      const response = await api.send("GET", path);
      expect(response.status).toBe(200);
      expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect((await response.bytes()).length).toBeGreaterThan(100);
    }
    expect((await api.send("GET", "/docs/assets/swagger-ui.js")).status).toBe(404);
    expect((await api.send("GET", "/docs/assets/..%2f..%2fpackage.json")).status).toBe(404);
  });

  test("says the same before and after the routes have been used", async () => {
    const token = await api.token(api.alpha.people.owner);
    const used = ["/api/v1/me", "/api/v1/customers", "/api/v1/dashboard/stats", "/health"];
    for (const path of used) expect((await api.send("GET", path, { token })).status).toBe(200);
    await api.send("POST", "/api/v1/customers", { token, body: { name: "Adaeze Okafor" } });
    expect(await currentDocument()).toEqual(await Bun.file(documentPath).json());
  });

  test("is not sent again while it is the same", async () => {
    for (const path of ["/docs", "/openapi.json"]) {
      const etag = (await api.send("GET", path)).headers.get("etag") ?? "";
      const again = await api.send("GET", path, { headers: { "if-none-match": etag } });
      expect(again.status).toBe(304);
    }
    expect((await api.send("GET", "/openapi.json")).headers.get("cache-control")).toStartWith(
      "public, max-age=",
    );
  });

  test("offers no demo login where there is no demo", async () => {
    const html = await (await api.send("GET", "/docs")).text();
    expect(html).not.toContain("demo-countinghouse");
    expect(html).toContain("Authorize");
  });

  test("tells the limits that this server has", async () => {
    const html = await (await api.send("GET", "/docs/guide")).text();
    expect(html).toContain(`${api.deps.config.rate_limits.per_minute} per minute`);
  });
});
