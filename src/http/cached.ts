// Cache-Status: https://www.rfc-editor.org/rfc/rfc9211
import type { From, GetOptions, Lookup, SharedBytes } from "../platform/cache/index.ts";
import { entityTag } from "./etag.ts";
import { Problem } from "./problem.ts";
import type { Resource } from "./respond.ts";
import type { RequestScope } from "./scope.ts";

const json = "application/json";

/** What all answers of one kind carry: copying ready headers costs a fraction of setting them one by one. */
const ready: Readonly<Record<From, Headers>> = {
  l1: kindOf("HIT", "countinghouse; hit; detail=l1"),
  l2: kindOf("HIT", "countinghouse; hit; detail=l2"),
  load: kindOf("MISS", "countinghouse; fwd=miss"),
  shared: kindOf("MISS", "countinghouse; fwd=miss; collapsed"),
  stale: kindOf("STALE", "countinghouse; hit; detail=stale"),
  bypass: kindOf("BYPASS", "countinghouse; fwd=bypass"),
};

const stored = kindOf("MISS", "countinghouse; fwd=miss; stored");

function kindOf(x_cache: string, cache_status: string): Headers {
  return new Headers({ "content-type": json, "x-cache": x_cache, "cache-status": cache_status });
}

/** 200 with the headers of a cached answer. */
export function respond(
  scope: RequestScope,
  body: string | SharedBytes,
  lookup: Lookup<unknown>,
  etag: string,
): Response {
  const { from, age_ms } = lookup;
  const kind = lookup.stored === true ? stored : ready[from];
  const response = new Response(body as Uint8Array<ArrayBuffer>, { headers: scope.dressed(kind) });
  const { headers } = response;
  headers.set("etag", etag);
  if (from !== "load" && from !== "bypass") headers.set("age", String(Math.floor(age_ms / 1000)));
  return response;
}

/** A definition, or what looks up several. */
type Answers<P, T> = Readonly<{ get(parts: P, options: GetOptions): Lookup<T> | Promise<Lookup<T>> }>;

/**
 * Answers what is cached for these parts as `render` shows it: in the caller's turn where it is known, else with what it
 * took in the timings. Redis is waited for as long as the request has patience left.
 */
export function answered<P, T>(
  scope: RequestScope,
  cached: Answers<P, T>,
  parts: P,
  render: (lookup: Lookup<T>, scope: RequestScope) => Response,
): Response | Promise<Response> {
  const { timings } = scope;
  const lookup = cached.get(parts, timings);
  if (!(lookup instanceof Promise)) return render(lookup, scope);
  const started = performance.now();
  return lookup.then((found) => {
    const load_ms = found.load_ms ?? 0;
    timings.db_ms += load_ms;
    timings.cache_ms += Math.max(0, performance.now() - started - load_ms);
    return render(found, scope);
  });
}

/** 200 with the stored bytes as they are: nothing is parsed, serialised or hashed again. Null is 404. */
export function cachedBytes(lookup: Lookup<SharedBytes>, scope: RequestScope): Response {
  if (lookup.value === null) throw new Problem("not_found");
  return respond(scope, lookup.value, lookup, lookup.etag);
}

/** 200 with a cached resource whose row has a version, which its entity tag says. Null is 404. */
export function cachedResource(lookup: Lookup<Readonly<Resource>>, scope: RequestScope): Response {
  if (lookup.value === null) throw new Problem("not_found");
  const { body, version } = lookup.value;
  return respond(scope, body, lookup, entityTag(body, version));
}
