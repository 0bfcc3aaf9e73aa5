/**
 * Writes `deploy/nginx/keyed-routes.conf.template` from `src/http/openapi.json`: the POST routes that take an
 * Idempotency-Key, which nginx may send to a second replica.
 *
 *     bun tests/helpers/nginx-keyed-routes.ts
 */
import document from "../../src/http/openapi.json";

const KEY_PARAMETER = /^#\/components\/parameters\/IdempotencyKey/;
type Operation = { parameters?: readonly { $ref?: string; name?: string }[] };

/** The path templates of the routes that take a key, sorted. */
export function keyedPaths(paths: Readonly<Record<string, { post?: Operation }>>): string[] {
  return Object.entries(paths)
    .filter(([, { post }]) =>
      (post?.parameters ?? []).some(
        ({ $ref = "", name = "" }) => KEY_PARAMETER.test($ref) || name.toLowerCase() === "idempotency-key",
      ),
    )
    .map(([path]) => path)
    .sort();
}

/** The path as it is sent, query apart: a path that only means the same to a lenient reader is not sent again. */
export const patternOf = (path: string): string =>
  `~^${path.replaceAll(/\{\w+\}/g, "[A-Za-z0-9_-]+").replaceAll(".", "\\.")}(\\?|$)`;

/** The text of the template. */
export function keyedRoutes(paths: readonly string[]): string {
  const lines = paths.map((path) => `    "${patternOf(path)}" keyed;\n`);
  return (
    "# Generated from src/http/openapi.json by tests/helpers/nginx-keyed-routes.ts: the routes whose POST takes an\n" +
    "# Idempotency-Key. https://nginx.org/en/docs/http/ngx_http_map_module.html#map\n" +
    `map $request_uri $takes_idempotency_key {\n${lines.join("")}    default "";\n}\n`
  );
}

/** The POST routes of this application that take a key. */
export const ourKeyedPaths = (): string[] =>
  keyedPaths(document.paths as Readonly<Record<string, { post?: Operation }>>);

if (import.meta.main) {
  const target = new URL("../../deploy/nginx/keyed-routes.conf.template", import.meta.url);
  await Bun.write(target, keyedRoutes(ourKeyedPaths()));
}
