import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createAdmin } from "../../src/http/admin.ts";
import { type Cached, businessTags, publicTags, type SharedBytes } from "../../src/platform/cache/index.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { isLive, steadily, until } from "../helpers/replicas.ts";

type Mine = { business_id: string };
type Definitions = Readonly<{
  figures: Cached<Mine, SharedBytes>;
  others: Cached<Mine, SharedBytes>;
  rates: Cached<{ code: string }, SharedBytes>;
  polled: Cached<Mine, SharedBytes>;
}>;

let redis: TestRedis;
let api: TestApp;
let twin: TestApp;
const cached = new Map<TestApp, Definitions>();
const clearPath = "/api/v1/health/cache/clear";
const statsPath = "/api/v1/health/cache";

const thing = businessTags("operations_thing");
const rate = publicTags("operations_rate");

function define({ deps: { cache } }: TestApp): Definitions {
  const common = { class: "bounded", ttl_ms: 600_000 } as const;
  const mine = (name: string, warm = false) =>
    cache.endpoint<Mine>({
      ...common,
      name,
      warm,
      scope: "business",
      tags: ({ business_id }) => [thing(business_id)],
      load: ({ business_id }) => Promise.resolve(`"${business_id}"`),
    });
  return {
    figures: mine("operations.figures"),
    others: mine("elsewhere.figures"),
    polled: mine("elsewhere.polled", true),
    rates: cache.endpoint<{ code: string }>({
      ...common,
      name: "operations.rates",
      scope: "public",
      tags: ({ code }) => [rate(code)],
      load: () => Promise.resolve("1"),
    }),
  };
}

const startTwin = (replica: string): Promise<TestApp> =>
  startTestApp({
    env: { REDIS_URL: redis.url, REPLICA: replica },
    database_url: api.database_url,
    businesses: [api.alpha, api.bravo],
  });

beforeAll(async () => {
  redis = await startRedis();
  api = await startTestApp({ env: { REDIS_URL: redis.url, REPLICA: "one" } });
  twin = await startTwin("two");
  for (const app of [api, twin]) cached.set(app, define(app));
  await until("both replicas are live", () => isLive(api) && isLive(twin));
});
afterAll(async () => {
  await twin.stop();
  await api.stop();
  await redis.stop();
});

/** Which of the answers come out of this process's memory; the others are brought back in. */
async function held(app: TestApp): Promise<string[]> {
  const { figures, others, rates } = cached.get(app) as Definitions;
  const found: [string, { from: string }][] = [
    ["alpha", await figures.get({ business_id: api.alpha.id })],
    ["alpha elsewhere", await others.get({ business_id: api.alpha.id })],
    ["bravo", await figures.get({ business_id: api.bravo.id })],
    ["public", await rates.get({ code: "NGN" })],
  ];
  return found.filter(([, { from }]) => from === "l1").map(([name]) => name);
}

const everything = ["alpha", "alpha elsewhere", "bravo", "public"];

/** Brings all answers into the memory of both replicas. */
async function warm(): Promise<void> {
  await until("all is cached", async () => {
    const names = [await held(api), await held(twin)];
    return names.every((those) => those.length === everything.length);
  });
}

async function clear(body?: unknown, person = api.alpha.people.owner): Promise<Record<string, unknown>> {
  const token = await api.token(person);
  const response = await api.send("POST", clearPath, { token, ...(body === undefined ? {} : { body }) });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

/** A lease that lapses on a busy machine makes a replica forget everything, others' answers too: then it says nothing. */
const steady = (name: string, run: () => Promise<void>): void => test(name, () => steadily([api, twin], run));

describe("clearing the cache", () => {
  steady(
    "without a body forgets the business's own and public answers on every replica, no other tenant's",
    async () => {
      await warm();
      const done = await clear();
      expect(done["cleared"]).toEqual([`b:${api.alpha.id}`, "pub"]);
      expect(done["definitions"]).toEqual(expect.arrayContaining(["operations.figures", "operations.rates"]));
      expect([await held(twin), await held(api)]).toEqual([["bravo"], ["bravo"]]);
      const heard = ["one", "two"].map((replica) => ({ replica, state: "ready" }));
      expect(done).toMatchObject({ replicas: heard, partial: false });
    },
  );

  steady("a prefix that names only public definitions leaves the business's answers alone", async () => {
    await warm();
    expect((await clear({ prefix: "operations.rates" }))["cleared"]).toEqual(["pub"]);
    expect(await held(twin)).toEqual(["alpha", "alpha elsewhere", "bravo"]);
    await warm();
    expect((await clear({ prefix: "nothing.like_it" }))["cleared"]).toEqual([]);
    expect(await held(twin)).toEqual(everything);
  });

  steady(
    "a pattern reaches what it names of the business's own, and nothing when it names another business",
    async () => {
      await warm();
      expect((await clear({ pattern: `operations.*:b:${api.alpha.id}` }))["cleared"]).toEqual([
        `b:${api.alpha.id}`,
      ]);
      expect(await held(twin)).toEqual(["bravo", "public"]);
      await warm();
      expect((await clear({ pattern: `*:B:${api.alpha.id.toUpperCase()}` }))["cleared"]).toEqual([
        `b:${api.alpha.id}`,
      ]);
      expect(await held(twin)).toEqual(["bravo", "public"]);
      await warm();
      expect((await clear({ pattern: `*:b:${api.bravo.id}` }))["cleared"]).toEqual([]);
      expect((await clear({ pattern: "*:u:*" }))["cleared"]).toEqual([]);
      expect((await clear({ pattern: "*.figures:b" }, api.bravo.people.admin))["cleared"]).toEqual([
        `b:${api.bravo.id}`,
      ]);
      expect(await held(twin)).toEqual(["alpha", "alpha elsewhere", "public"]);
    },
  );

  test("is for owners and admins, and refuses what it does not know", async () => {
    const { people } = api.alpha;
    for (const role of ["manager", "clerk", "compliance"] as const) {
      const token = await api.token(people[role]);
      await expectProblem(await api.send("POST", clearPath, { token }), "forbidden");
      await expectProblem(await api.send("GET", statsPath, { token }), "forbidden");
    }
    const token = await api.token(people.owner);
    for (const body of [{ everything: true }, { prefix: 1 }, { pattern: "x".repeat(201) }, [], null, 0]) {
      await expectProblem(await api.send("POST", clearPath, { token, body }), "validation");
    }
    await expectProblem(
      await api.send("POST", clearPath, {
        token,
        body: "{",
        headers: { "content-type": "application/json" },
      }),
      "malformed_json",
    );
  });
});

describe("the admin port", () => {
  const admin = (method: string, options: RequestInit = {}, query = "") =>
    createAdmin(api.deps, api.app.handle)(
      new Request(`http://admin/cache/clear${query}`, { method, ...options }),
      () => "127.0.0.1",
    );

  steady("clears a prefix of every tenant, and everything", async () => {
    await warm();
    const some = await admin("POST", { body: JSON.stringify({ prefix: "operations." }) });
    expect(await some.json()).toEqual({
      cleared: ["operations.figures", "operations.rates"],
      definitions: ["operations.figures", "operations.rates"],
    });
    expect(await held(twin)).toEqual(["alpha elsewhere"]);
    await warm();
    const all = (await (await admin("POST")).json()) as { cleared: string[]; definitions: string[] };
    expect(all.cleared).toEqual(["*"]);
    expect(all.definitions).toEqual(api.deps.cache.definitions().map(({ name }) => name));
    expect(await held(twin)).toEqual([]);
  });

  steady("clears one business, however its id is written", async () => {
    await warm();
    const body = JSON.stringify({ pattern: `*:b:${api.alpha.id.toUpperCase()}` });
    expect(await (await admin("POST", { body })).json()).toMatchObject({ cleared: [`b:${api.alpha.id}`] });
    expect(await held(twin)).toEqual(["bravo", "public"]);
  });

  test("refuses other methods, web pages, queries and bodies it does not know", async () => {
    await expectProblem(await admin("GET"), "method_not_allowed");
    await expectProblem(await admin("POST", {}, "?prefix=shop."), "validation");
    await expectProblem(await admin("POST", { headers: { origin: "http://localhost:9000" } }), "forbidden");
    await expectProblem(await admin("POST", { body: "{" }), "malformed_json");
    for (const body of ['{"all": true}', "[]", '"text"', '{"prefix": 1}']) {
      await expectProblem(await admin("POST", { body }), "validation");
    }
    await expectProblem(await admin("POST", { body: `"${"x".repeat(5_000)}"` }), "payload_too_large");
  });
});

describe("statistics", () => {
  type Figures = {
    lookups: number;
    hits: number;
    misses: number;
    bypassed: number;
    l1: { hits: number; entries: number };
  };
  type Report = {
    status: string;
    cache_stats: Figures & {
      total_entries: number;
      active_entries: number;
      expired_entries: number;
      stored: { entries: number } | null;
      definitions: Record<string, Figures>;
    };
    gauges: { cells_live: number };
    replicas: { replica: string; state: string; status: string | null }[];
    partial: boolean;
  };
  const read = async (prefix = ""): Promise<Report> => {
    const token = await api.token(api.alpha.people.admin);
    const response = await api.send("GET", `${statsPath}?prefix=${prefix}`, { token });
    expect(response.status).toBe(200);
    return (await response.json()) as Report;
  };

  test("add up the replicas, and every lookup ended as a hit, a miss or a bypass", async () => {
    await warm();
    const own = (app: TestApp) =>
      app.deps.cache.own().definitions["operations.figures"] ?? { lookups: 0, l1_hits: 0 };
    const report = await read("operations.");
    expect(report).toMatchObject({
      status: "healthy",
      replicas: [
        { replica: "one", state: "ready", status: "healthy", gauges: { cells_live: 1 } },
        { replica: "two", state: "ready", status: "healthy", gauges: { cells_live: 1 } },
      ],
      partial: false,
      gauges: { cells_live: 1 },
    });
    const { cache_stats } = report;
    expect(Object.keys(cache_stats.definitions)).toEqual(["operations.figures", "operations.rates"]);
    for (const figures of [cache_stats, ...Object.values(cache_stats.definitions)]) {
      expect(figures.hits + figures.misses + figures.bypassed).toBe(figures.lookups);
    }
    const { lookups, l1 } = cache_stats.definitions["operations.figures"] ?? { lookups: 0, l1: { hits: 0 } };
    expect(lookups).toBe(own(api).lookups + own(twin).lookups);
    expect(l1.hits).toBe(own(api).l1_hits + own(twin).l1_hits);
    // Two businesses' figures and one rate, in two processes, and what Redis held when it was last looked through.
    const all = 6 + (cache_stats.stored?.entries ?? 0);
    expect(cache_stats).toMatchObject({ total_entries: all, active_entries: all, expired_entries: 0 });
    expect(cache_stats.l1.entries).toBe(6);
  });

  test("are partial and degraded while Redis is away, /health says so, and the log says when it began and ended", async () => {
    redis.freeze();
    try {
      await until("the lease has ended", () => !isLive(api));
      await until("the statistics say so", async () => {
        const { status, partial, cache_stats } = await read();
        return status === "degraded" && partial && cache_stats.hits >= 0;
      });
      await until("/health says so", async () => {
        const health = (await (await api.send("GET", "/health")).json()) as Record<string, unknown>;
        return health["status"] === "degraded" && health["redis"] === "disconnected";
      });
      await until("it is in the log", () => api.lines.some((line) => line.includes("order cannot be heard")));
    } finally {
      redis.thaw();
    }
    await until("it is heard again", () => isLive(api));
    await until("that is in the log", () => api.lines.some((line) => line.includes("order is heard again")));
    await until("all is well", async () => (await read()).status === "healthy");
  });
});

describe("warming", () => {
  /** Whether the answer lies in memory before anybody asks: looking at the counters asks for nothing. */
  const warmed = ({ deps }: TestApp): number => {
    const { loaded, found } = deps.cache.own().gauges.warm;
    return loaded + found;
  };

  test("brings back what is polled on every replica after a clear, and after a start what the fleet was asked for", async () => {
    const mine = { business_id: api.alpha.id };
    for (const app of [api, twin]) await (cached.get(app) as Definitions).polled.get(mine);
    // What is cleared is found by comparing with what was known a look before.
    await Bun.sleep(1_500);
    const before = [warmed(api), warmed(twin)] as const;
    await clear();
    await until("both are warm again", () => warmed(api) > before[0] && warmed(twin) > before[1]);
    for (const app of [api, twin])
      expect((await (cached.get(app) as Definitions).polled.get(mine)).from).toBe("l1");

    const leaving = await startTwin("three");
    const { polled } = define(leaving);
    await until("it is live", () => isLive(leaving));
    for (let times = 0; times < 20; times += 1) await polled.get(mine);
    await leaving.stop();
    const coming = await startTwin("four");
    try {
      const started = define(coming);
      await until("it is warm", () => warmed(coming) > 0);
      expect((await started.polled.get(mine)).from).toBe("l1");
      const text = await (await fetch(`${coming.url}/metrics`)).text();
      expect(text).toMatch(/^cache_warmed_total\{outcome="found"\} [1-9]/m);
      expect(text).toMatch(/^cache_warm_waiting 0$/m);
    } finally {
      await coming.stop();
    }
  });
});

describe("metrics of the cache", () => {
  test("are told by definition, tier and outcome, with the gauges of the order", async () => {
    await warm();
    const text = await (await fetch(`${api.url}/metrics`)).text();
    const hits = api.deps.cache.own().definitions["operations.figures"]?.l1_hits;
    expect(text).toContain(
      `cache_lookups_total{definition="operations.figures",tier="l1",outcome="hit"} ${hits}`,
    );
    expect(text).toMatch(/^cache_cells_live 1$/m);
    expect(text).toMatch(/^cache_proof_age_seconds 0\.\d+$/m);
    expect(text).toMatch(/^cache_l1_bytes [1-9]\d*$/m);
    expect(text).toContain('cache_entries{definition="operations.figures",state="active"} 2');
  });

  test("are a member of the JSON metrics", async () => {
    const response = await fetch(`${api.url}/metrics`, { headers: { accept: "application/json" } });
    const { cache } = (await response.json()) as { cache: Record<string, unknown> };
    expect(cache).toMatchObject({ gauges: { cells: 1 }, l1: { oversize: 0 } });
    expect(cache["definitions"]).toHaveProperty(["operations.figures", "l1", "hits"]);
  });
});
