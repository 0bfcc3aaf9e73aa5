import { expect, test } from "bun:test";
import { createCors } from "../../src/http/cors.ts";
import { createPipeline, failure, type PipelineOptions } from "../../src/http/pipeline.ts";
import { scopeOf } from "../../src/http/scope.ts";
import { createLog } from "../../src/platform/log.ts";

const log = createLog({ log_level: "fatal", log_format: "json", replica: "r" }, { write: () => undefined });
const declaration = {
  permission: "public",
  limit: "none",
  id: "x",
  tag: "x",
  summary: "x",
  description: "x",
};
const route = {
  method: "GET",
  template: "/x",
  takes_body: false,
  body_optional: false,
  direct: null,
  declaration,
};

const pipeline = (dispatch: PipelineOptions["dispatch"]) =>
  createPipeline({
    dispatch,
    routes: { routes: [], find: () => ({ store: route, params: {} }), allow: () => ["GET"] },
    cors: createCors({ origins: [], allow_credentials: false }),
    clientAddress: () => "127.0.0.1",
    log,
    metrics: { route: () => ({ observe: () => undefined }) },
    rateLimits: null,
    replica: "r",
    body_bytes: 1,
    isDraining: () => false,
  } as unknown as PipelineOptions);

test("a problem that comes after ready headers were taken has all headers of its own", async () => {
  const late = pipeline((request) => {
    const scope = scopeOf(request);
    scope.dressed(new Headers());
    return failure(log, scope, new Error("late"));
  });
  const response = await late(new Request("http://localhost/x"), () => null);
  expect(response.status).toBe(500);
  expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("x-replica")).toBe("r");
  expect(response.headers.get("cache-control")).toBe("no-store");
});
