import { allows } from "../../src/http/policy.ts";
import type { MemberRole } from "../../src/platform/enums.ts";
import { startTestApp, type TestApp } from "./app.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import type { Things } from "./things.ts";

/** Two servers on one database and one Redis, both live: what is invalidated on one is heard by the other. */
export type Replicas = Readonly<{ one: TestApp; two: TestApp; redis: TestRedis; stop(): Promise<void> }>;

export async function startReplicas(env: Record<string, string> = {}): Promise<Replicas> {
  const redis = await startRedis();
  const one = await startTestApp({ env: { ...env, REDIS_URL: redis.url, REPLICA: "one" } });
  const two = await startTestApp({
    env: { ...env, REDIS_URL: redis.url, REPLICA: "two" },
    database_url: one.database_url,
    businesses: [one.alpha, one.bravo],
  });
  await until("both replicas are live", () => isLive(one) && isLive(two));
  return {
    one,
    two,
    redis,
    async stop() {
      await two.stop();
      await one.stop();
      await redis.stop();
    },
  };
}

/** Whether a server may answer from its memory: it holds a lease of every cell. */
export function isLive({ deps: { cache } }: TestApp): boolean {
  const { cells, cells_live } = cache.own().gauges;
  return cells > 0 && cells === cells_live;
}

/**
 * Runs a test of what is held. On a busy machine a lease may end meanwhile, and with it what was held: then the run
 * proves nothing and begins anew, as often as that happens.
 */
export async function steadily(servers: readonly TestApp[], run: () => Promise<void>): Promise<void> {
  const leases = () => servers.map(({ deps }) => deps.cache.own().gauges.lease_changes).join();
  for (let left = 20; ; left -= 1) {
    await until("they are live", () => servers.every(isLive));
    const before = leases();
    try {
      return await run();
    } catch (error) {
      if (leases() === before || left === 0) throw error;
      for (const server of servers) await server.forget();
    }
  }
}

/** Waits until something holds; fails with what was waited for. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limit_ms = 10_000,
): Promise<void> {
  const deadline = performance.now() + limit_ms;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await Bun.sleep(20);
  }
}

/** An answer with what it says about the cache. */
export type CachedAnswer = Readonly<{
  status: number;
  /** `HIT l1`, `HIT l2`, `MISS`, `MISS stored`, `MISS collapsed`, `STALE stale`, `BYPASS`; empty where nothing is cached. */
  from: string;
  age: string | null;
  etag: string;
  headers: Headers;
  text: string;
}>;

export async function ask(
  app: TestApp,
  path: string,
  token: string,
  headers: Record<string, string> = {},
): Promise<CachedAnswer> {
  const response = await app.send("GET", path, { token, headers });
  const detail = /(?:detail=|fwd=miss; )(\w+)$/.exec(response.headers.get("cache-status") ?? "")?.[1];
  return {
    status: response.status,
    from: [response.headers.get("x-cache"), detail].filter(Boolean).join(" "),
    age: response.headers.get("age"),
    etag: response.headers.get("etag") ?? "",
    headers: response.headers,
    text: await response.text(),
  };
}

/**
 * As `ask`; again when a strict answer could not be proved in time, as happens on a busy machine: then it is no answer of the
 * cache, and says so (BYPASS).
 */
export async function askProved(...asked: Parameters<typeof ask>): Promise<CachedAnswer> {
  for (let left = 5; ; left -= 1) {
    const answer = await ask(...asked);
    if (answer.from !== "BYPASS" || left === 0) return answer;
  }
}

/** Views of a month are asked for the one in which there is something. */
const viewed = (path: string): string =>
  /\/(allocations(\/\w+)?|monthly-budget)$/.test(path) ? `${path}?year=2026&month=1` : path;

/**
 * The path of every GET that is cached, with the ids of a business's things in it, and its definition: of those that a role
 * may ask for, or of all (null).
 */
export function cachedPaths(
  app: TestApp,
  things: Pick<Things, "idOf" | "applicant_id" | "budget">,
  role: MemberRole | null = "owner",
): { path: string; definition: string }[] {
  return app.app.routes.routes.flatMap(({ method, template, declaration: { cache, permission } }) => {
    if (method !== "GET" || typeof cache !== "string") return [];
    if (role !== null && !allows(permission, role)) return [];
    if (template.startsWith("/api/v1/kyc/")) {
      return [{ path: `${template}?customer_id=${things.applicant_id}`, definition: cache }];
    }
    const filled = template.includes("{id}") ? template.replace("{id}", things.idOf(template)) : template;
    const path = filled
      .replace("{key}", "shop.job_number")
      .replace("{transaction_id}", things.budget.transaction_id)
      .replace("{group_id}", things.budget.group_id)
      .replace("{category_id}", things.budget.category_id)
      .replace("{month}", "2026-01");
    return [{ path: viewed(path), definition: cache }];
  });
}
