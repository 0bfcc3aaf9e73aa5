import { Elysia, t } from "elysia";
import { type Cache, matchesGlob, type Summary } from "../platform/cache/index.ts";
import { sumPublished } from "../platform/cache/stats.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import type { Deps } from "./deps.ts";
import { edge } from "./edge.ts";
import { CacheGauges, type FleetAnswer, Partial, replicaMembers } from "./fleet-report.ts";
import { clearExample } from "./health-examples.ts";
import { operation } from "./operation.ts";
import { Problem } from "./problem.ts";
import { fresh } from "./respond.ts";
import { Nullable, OneOf, strict } from "./schema.ts";

const Count = t.Integer({ minimum: 0 });
const Tier = t.Object({ hits: Count, fenced: Count, oversize: Count });
const Outcomes = {
  lookups: Count,
  hits: Count,
  misses: Count,
  bypassed: Count,
  hit_rate: t.Number({ minimum: 0, maximum: 1 }),
  stale: Count,
  negative: Count,
  shared: Count,
  loads: Count,
  load_failures: Count,
  refreshes: Count,
  lease_waits: Count,
  checks: Count,
  corrupt: Count,
  shadowed: t.Integer({ minimum: 0, description: "Hits that were loaded again to be compared" }),
  shadow_wrong: t.Integer({
    minimum: 0,
    description: "Of them, those that differed though nothing was invalidated",
  }),
  bypasses: t.Record(t.String(), Count, { description: "By reason; together `bypassed`" }),
  l1: t.Composite([
    Tier,
    t.Object({ entries: Count, expired_entries: Count, bytes: Count, evictions: Count }),
  ]),
  l2: Tier,
};
const Status = OneOf(["healthy", "degraded", "disabled"]);
const Report = t.Object({
  status: Status,
  cache_stats: t.Object({
    total_entries: t.Integer({ minimum: 0, description: "In the processes, and in Redis by its last scan" }),
    active_entries: Count,
    expired_entries: t.Integer({
      minimum: 0,
      description: "Past their ttl, not yet replaced; of the processes",
    }),
    ...Outcomes,
    stored: Nullable(
      t.Object(
        { entries: Count, bytes: Count, age_ms: Count },
        { description: "Redis, by one paced scan every 5 minutes, with its age; null before the first" },
      ),
    ),
    definitions: t.Record(t.String(), t.Object(Outcomes)),
  }),
  gauges: t.Object(CacheGauges.properties, { description: "Of the replica that answers" }),
  replicas: t.Array(
    t.Object({
      ...replicaMembers,
      status: Nullable(Status),
      gauges: Nullable(CacheGauges),
    }),
    { description: "The figures are the sum of those that are not missing" },
  ),
  partial: Partial,
});
const What = strict({
  prefix: t.Optional(t.String({ maxLength: 100, description: "Beginning of the names of definitions" })),
  pattern: t.Optional(
    t.String({ maxLength: 200, description: "Glob over `name:scope:id`, scope being `b` or `pub`" }),
  ),
});
const Cleared = t.Object({
  cleared: t.Array(t.String(), { description: "Scopes or definitions, as wide as was forgotten" }),
  definitions: t.Array(t.String(), { description: "Definitions whose answers are concerned" }),
});
const ClearedEverywhere = t.Object({
  ...Cleared.properties,
  replicas: t.Array(t.Object(replicaMembers), {
    description: "A missing one forgets before it answers anybody again",
  }),
  partial: Partial,
});

type What = Readonly<{ prefix?: string; pattern?: string }>;
type Cleared = typeof Cleared.static;

/** The cache as operators see it: its figures over the whole fleet, and a way to empty it. */
export const cacheHealthRoutes = (deps: Deps, ask: () => Promise<FleetAnswer>) =>
  new Elysia({ name: "http.health-cache", prefix: "/api/v1/health/cache", normalize: false })
    .use(edge)
    .get("", async ({ query }) => fresh(await cacheReport(deps, await ask(), query.prefix)), {
      query: strict({ prefix: t.Optional(t.String({ maxLength: 100 })) }),
      response: { 200: Report },
      detail: operation({
        id: "getCacheHealth",
        permission: "operations.read",
        tag: "Health",
        cache: { uncached: "figures of this moment" },
        summary: "Cache statistics",
        description:
          "Counters since the start, by definition and tier, summed over all replicas (each is asked) for the " +
          "definitions whose names begin with `prefix`. `hits` (stale ones included) + `misses` (shared loads included) + " +
          "`bypassed` = `lookups`. `degraded`: somewhere the order of invalidations cannot be heard, so answers there are " +
          "younger than a second or read from the database.",
      }),
    })
    .post(
      "/clear",
      async ({ body, caller, scope }) => {
        // The framework lets anything empty (`[]`, `0`) pass where a body may be left out.
        const what = scope.body === null ? {} : whatOf(body);
        const done = await clearWithin(deps.cache, caller.business_id, what);
        const { business_id, member_id, request_id } = caller;
        deps.log.info({ business_id, member_id, request_id, cleared: done.cleared }, "cache cleared");
        const { replicas, partial } = await ask();
        return fresh({
          ...done,
          replicas: replicas.map(({ replica, state }) => ({ replica, state })),
          partial,
        });
      },
      {
        body: t.Optional(What),
        response: { 200: ClearedEverywhere },
        detail: operation({
          id: "clearCache",
          permission: "operations.clear",
          tag: "Health",
          summary: "Clear the cache",
          description:
            "Forgets cached answers of your business and public ones, on every replica, before it answers: all of them " +
            "(no body), those of definitions whose names begin with `prefix`, or those that match `pattern`. Forgetting " +
            "is by scope: when anything of your business is meant, all cached answers of your business go. Other " +
            "businesses' answers are never reached. `replicas` says who is there: a `missing` one answers nobody, and " +
            "forgets before it does again.",
          examples: { request: { prefix: "shop." }, response: clearExample },
        }),
      },
    );

/** What `GET /api/v1/health/cache` says, from what the replicas answered. */
export async function cacheReport(
  { cache, config }: Pick<PlatformDeps, "cache" | "config">,
  { replicas, partial }: FleetAnswer,
  prefix = "",
): Promise<typeof Report.static> {
  const { l2, gauges } = await cache.stats(prefix);
  const counted = replicas.flatMap(({ report }) => (report === null ? [] : [report.cache.definitions]));
  const { definitions, total } = sumPublished(
    counted.map((one) => JSON.stringify(one)),
    prefix,
  );
  const each = replicas.map(({ replica, state, report }) => {
    const status = report === null ? null : config.cache.enabled ? statusOf(report.cache.gauges) : "disabled";
    return { replica, state, status, gauges: report?.cache.gauges ?? null };
  });
  const total_entries = total.l1_entries + (l2?.entries ?? 0);
  return {
    status: worst(each.map(({ status }) => status)),
    cache_stats: {
      total_entries,
      active_entries: total_entries - total.l1_expired,
      expired_entries: total.l1_expired,
      ...outcomes(total),
      stored: l2 === null ? null : { ...l2, age_ms: Math.round(l2.age_ms) },
      definitions: Object.fromEntries(
        Object.entries(definitions).map(([name, summary]) => [name, outcomes(summary)]),
      ),
    },
    gauges: { ...gauges },
    replicas: each,
    partial,
  };
}

type CacheStatus = typeof Status.static;

/** Without an order nothing bounded outlives a second; with an open breaker nothing comes from Redis. */
function statusOf({ cells, cells_live, breakers_open }: typeof CacheGauges.static): CacheStatus {
  return cells_live === cells && breakers_open === 0 ? "healthy" : "degraded";
}

function worst(all: readonly (CacheStatus | null)[]): CacheStatus {
  return all.includes("degraded") ? "degraded" : all.includes("disabled") ? "disabled" : "healthy";
}

/** A summary by tier. */
export function outcomes(of: Summary) {
  const { lookups, hits, misses, bypassed, hit_rate, stale, negative, shared, loads } = of;
  const { load_failures, refreshes, lease_waits, checks, corrupt, shadowed, shadow_wrong, bypasses } = of;
  return {
    lookups,
    hits,
    misses,
    bypassed,
    hit_rate: Math.round(hit_rate * 10_000) / 10_000,
    stale,
    negative,
    shared,
    loads,
    load_failures,
    refreshes,
    lease_waits,
    checks,
    corrupt,
    shadowed,
    shadow_wrong,
    bypasses,
    l1: {
      hits: of.l1_hits,
      fenced: of.l1_fenced,
      oversize: of.l1_oversize,
      entries: of.l1_entries,
      expired_entries: of.l1_expired,
      bytes: of.l1_bytes,
      evictions: of.evictions,
    },
    l2: { hits: of.l2_hits, fenced: of.l2_fenced, oversize: of.l2_oversize },
  };
}

/** Clears everything that a request means: what the admin port may do. */
export async function clearAll(cache: Cache, { pattern, ...what }: What): Promise<Cleared> {
  const rows = cache.definitions();
  const { cleared } = await cache.clear(
    pattern === undefined ? what : { ...what, pattern: inSmall(pattern) },
  );
  const reached = new Set(cleared);
  const whole = reached.has("*");
  const definitions = rows.filter(({ name, scope }) => {
    if (whole || reached.has(name)) return true;
    return cleared.some((one) => scopeKind(one) === scope);
  });
  return { cleared: [...cleared], definitions: definitions.map(({ name }) => name) };
}

/**
 * Clears what a request means as far as it is the business's own or public. Each is one whole scope, because an
 * answer's tags say its definition (which all businesses share) or its scope, and nothing between.
 */
export async function clearWithin(cache: Cache, business_id: string, what: What): Promise<Cleared> {
  const rows = cache.definitions();
  const [name, kind, id] = partsOf(what.pattern === undefined ? undefined : inSmall(what.pattern));
  const meant = rows.filter((row) => {
    const byPrefix = what.prefix !== undefined && row.name.startsWith(what.prefix);
    const byPattern = what.pattern !== undefined && matchesGlob(name, row.name);
    return byPrefix || byPattern || (what.prefix === undefined && what.pattern === undefined);
  });
  const byPrefix = what.prefix !== undefined || what.pattern === undefined;
  const own = byPrefix || (matchesGlob(kind, "b") && matchesGlob(id, business_id));
  const shared = byPrefix || matchesGlob(kind, "pub");
  const patterns: string[] = [];
  if (own && meant.some(({ scope }) => scope === "business")) patterns.push(`*:b:${business_id}`);
  if (shared && meant.some(({ scope }) => scope === "public")) patterns.push("*:pub");
  const done = await Promise.all(patterns.map((pattern) => cache.clear({ pattern })));
  const cleared = done.flatMap((one) => one.cleared);
  const kinds = new Set(cleared.map(scopeKind));
  return { cleared, definitions: rows.filter(({ scope }) => kinds.has(scope)).map((row) => row.name) };
}

function scopeKind(cleared: string): CacheScope | null {
  if (cleared === "pub") return "public";
  return cleared.startsWith("b:") ? "business" : cleared.startsWith("u:") ? "user" : null;
}
type CacheScope = "business" | "user" | "public";

/** Names and ids are kept in small letters: an id in capitals would clear nothing and look as if it had. */
const inSmall = (pattern: string): string => pattern.toLowerCase();

/** The three parts of `name:scope:id` as patterns; what is left out matches anything. */
function partsOf(pattern = "*"): [name: string, kind: string, id: string] {
  const [name = "*", kind = "*", ...rest] = pattern.split(":");
  const scope = kind === "business" ? "b" : kind === "public" ? "pub" : kind;
  return [name, scope, rest.length === 0 ? "*" : rest.join(":")];
}

const bodyMax_bytes = 4_096;

/**
 * `POST /cache/clear` of the admin port: everything, for whoever reaches the port. Not for pages: a browser names the
 * origin of a request that a page makes, and such a page may be anybody's.
 */
export async function answerClear(deps: PlatformDeps, request: Request): Promise<Response> {
  if (request.method !== "POST") {
    throw new Problem("method_not_allowed", {
      detail: `${request.method} is not a method of this resource`,
      headers: { allow: "POST" },
    });
  }
  if (request.headers.has("origin")) throw new Problem("forbidden", { detail: "Not for web pages" });
  // Otherwise `?prefix=shop.` would clear everything.
  if (request.url.includes("?"))
    throw new Problem("validation", { detail: "What to clear is said in the body" });
  const done = await clearAll(deps.cache, readWhat(await readText(request)));
  deps.log.info({ cleared: done.cleared }, "cache cleared on the admin port");
  return fresh(done);
}

async function readText(request: Request): Promise<string> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  const tooLarge = () => new Problem("payload_too_large", { detail: `At most ${bodyMax_bytes} bytes` });
  if (announced > bodyMax_bytes) throw tooLarge();
  const text = await request.text();
  if (text.length > bodyMax_bytes) throw tooLarge();
  return text;
}

function readWhat(text: string): What {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Problem("malformed_json");
  }
  return whatOf(value);
}

function whatOf(value: unknown): What {
  const what: { prefix?: string; pattern?: string } = {};
  const members = typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  for (const [name, member] of Object.entries(members ?? { "": null })) {
    if ((name !== "prefix" && name !== "pattern") || typeof member !== "string") {
      throw new Problem("validation", {
        errors: [{ pointer: name === "" ? "" : `/${name}`, detail: "Only prefix and pattern, as text" }],
      });
    }
    what[name] = member;
  }
  return what;
}
