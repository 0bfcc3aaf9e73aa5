// Cache-Status: https://www.rfc-editor.org/rfc/rfc9211
import type { From, Lookup } from "../platform/cache/index.ts";
import { entityTag } from "./etag.ts";
import { Problem } from "./problem.ts";
import type { Resource } from "./respond.ts";
import type { RequestScope } from "./scope.ts";
import { dress, privately } from "./security-headers.ts";

const json = "application/json";

/** What all answers of one kind carry: copying ready headers costs a fraction of setting them one by one. */
const ready: Readonly<Record<From, Headers>> = {
  l1: dressed("HIT", "countinghouse; hit; detail=l1"),
  l2: dressed("HIT", "countinghouse; hit; detail=l2"),
  load: dressed("MISS", "countinghouse; fwd=miss"),
  shared: dressed("MISS", "countinghouse; fwd=miss; collapsed"),
  stale: dressed("STALE", "countinghouse; hit; detail=stale"),
  bypass: dressed("BYPASS", "countinghouse; fwd=bypass"),
};

const stored = dressed("MISS", "countinghouse; fwd=miss; stored");

function dressed(x_cache: string, cache_status: string): Headers {
  const headers = new Headers({ "content-type": json, "x-cache": x_cache, "cache-status": cache_status });
  dress(headers, privately);
  return headers;
}

/** 200 with the headers of a cached answer. */
export function respond(body: string | Uint8Array, lookup: Lookup<unknown>, etag: string): Response {
  const { from, age_ms } = lookup;
  const kind = lookup.stored === true ? stored : ready[from];
  const response = new Response(body as Uint8Array<ArrayBuffer>, { headers: kind });
  const { headers } = response;
  headers.set("etag", etag);
  if (from !== "load" && from !== "bypass") headers.set("age", String(Math.floor(age_ms / 1000)));
  return response;
}

/** Answers a lookup as `render` shows it: in the caller's turn where it is known, else with what it took in the timings. */
export function answered<T>(
  scope: RequestScope,
  lookup: Lookup<T> | Promise<Lookup<T>>,
  render: (lookup: Lookup<T>) => Response,
): Response | Promise<Response> {
  if (!(lookup instanceof Promise)) return render(lookup);
  const started = performance.now();
  const { timings } = scope;
  return lookup.then((found) => {
    const load_ms = found.load_ms ?? 0;
    timings.db_ms += load_ms;
    timings.cache_ms += Math.max(0, performance.now() - started - load_ms);
    return render(found);
  });
}

/** 200 with the stored bytes as they are: nothing is parsed, serialised or hashed again. Null is 404. */
export function cachedBytes(lookup: Lookup<Uint8Array>): Response {
  if (lookup.value === null) throw new Problem("not_found");
  return respond(lookup.value, lookup, lookup.etag);
}

/** 200 with a cached resource whose row has a version, which its entity tag says. Null is 404. */
export function cachedResource(lookup: Lookup<Readonly<Resource>>): Response {
  if (lookup.value === null) throw new Problem("not_found");
  const { body, version } = lookup.value;
  return respond(body, lookup, entityTag(body, version));
}
