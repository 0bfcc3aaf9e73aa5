import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaults } from "../../src/fleet/nginx.ts";

/** Seconds of the only setting that matches. */
function seconds(file: string, pattern: RegExp): number {
  const text = readFileSync(join(import.meta.dir, "../..", file), "utf8");
  const found = new Set([...text.matchAll(new RegExp(pattern, "gm"))].map(([, value]) => Number(value)));
  expect(`${file}: ${[...found].join()}`).toMatch(/: \d+$/);
  return [...found][0] ?? Number.NaN;
}

test("a replica keeps idle connections longer than nginx, and nginx longer than any answer takes", () => {
  const replica_s = seconds("src/http/listen.ts", /^const idleTimeout_s = (\d+);$/);
  const upstream_s = seconds("deploy/nginx/upstream.conf.template", /^ *keepalive_timeout (\d+)s;$/);
  const read_s = Number.parseInt(defaults()["NGINX_READ_TIMEOUT"] ?? "", 10);
  expect(replica_s).toBeGreaterThan(upstream_s);
  expect(upstream_s).toBeGreaterThan(read_s);
});

test("clients are told to let go of a connection before nginx does", () => {
  const file = "deploy/nginx/timeouts.conf.template";
  const told_s = seconds(file, /^keepalive_timeout \d+s (\d+)s;$/);
  expect(seconds(file, /^keepalive_timeout (\d+)s \d+s;$/)).toBeGreaterThan(told_s);
});
