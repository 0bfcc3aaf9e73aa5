import type { Deps } from "./deps.ts";
import { entityTag } from "./etag.ts";
import { envelope, type Keyset, listName, type Page } from "./pagination.ts";
import { Problem } from "./problem.ts";
import type { Caller, RequestScope } from "./scope.ts";

/** One resource as PostgreSQL built it: JSON text, with its version where the row has one. */
export type Resource = { body: string; version?: number | null };

/** The answer to a write: what its statement returned, or what the first request with this key was answered. */
export type Written = {
  status: number;
  body: string;
  version: number | null;
  location: string | null;
  replayed: boolean;
};

const json = "application/json";
const problemJson = "application/problem+json";

/** 200 with the resource and its entity tag; null is 404: it is not there, or it belongs to another business. */
export function resource(found: Resource | null | undefined): Response {
  if (found === null || found === undefined) throw new Problem("not_found");
  return new Response(found.body, {
    headers: { "content-type": json, etag: entityTag(found.body, found.version) },
  });
}

/**
 * 200 with a page in the list envelope, its `Link` to the next, and an entity tag. `read` is given the keyset to go on
 * from: null on the first page, else what the cursor of this very list says.
 */
export async function list<Q extends { cursor?: string }>(
  deps: Deps,
  { caller, scope, query }: { caller: Caller; scope: RequestScope; query: Q },
  read: (deps: Deps, caller: Caller, query: Q, after: Keyset | null) => Promise<Page>,
): Promise<Response> {
  const { url } = scope.request;
  const name = listName(url, caller.business_id);
  const found = await read(deps, caller, query, deps.cursors.read(name, query.cursor));
  const { text, link } = envelope(found, { url, list: name, cursors: deps.cursors });
  const headers: Record<string, string> = { "content-type": json, etag: entityTag(text) };
  if (link !== null) headers["link"] = link;
  return new Response(text, { headers });
}

/** The answer to a write. `Idempotency-Replayed` says that nothing happened this time. */
export function written(result: Written | null): Response {
  if (result === null) throw new Problem("not_found");
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (result.location !== null) headers["location"] = result.location;
  if (result.replayed) headers["idempotency-replayed"] = "true";
  if (result.status === 204) return new Response(null, { status: 204, headers });
  // A refusal that is kept under its key is the document that the first request was sent.
  headers["content-type"] = result.status >= 400 ? problemJson : json;
  if (result.version !== null) headers["etag"] = entityTag(result.body, result.version);
  return new Response(result.body, { status: result.status, headers });
}

/** 200 with a value that no table holds (a token pair, a health report); never stored by anyone. */
export function fresh(value: unknown, status = 200): Response {
  return Response.json(value, { status, headers: { "cache-control": "no-store" } });
}

/** 204: done, nothing to say. */
export function done(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}
