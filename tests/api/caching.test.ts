import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { OpenApiDocument } from "../../src/http/openapi-types.ts";
import type { Business } from "../helpers/fixtures.ts";
import {
  askProved as ask,
  type CachedAnswer,
  cachedPaths,
  isLive,
  type Replicas,
  startReplicas,
  steadily,
  until,
} from "../helpers/replicas.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeThings, type Things } from "../helpers/things.ts";

let fleet: Replicas;
let things: Things;
let owner: string;

beforeAll(async () => {
  // What is warmed is there before anybody asks.
  fleet = await startReplicas({ CACHE_WARM: "false" });
  things = await makeThings(fleet.one.sql, fleet.one.alpha);
  owner = await fleet.one.token(fleet.one.alpha.people.owner);
});
afterAll(() => fleet.stop());

const holding = (name: string, run: () => Promise<void>) =>
  test(name, () => steadily([fleet.one, fleet.two], run));

/** The business before the caller, whose answer asks for it. */
const paths = (): string[] =>
  cachedPaths(fleet.one, things)
    .map(({ path }) => path)
    .toSorted();

describe("declarations", () => {
  test("every GET names its definition, or says why it is not cached; nothing else does", () => {
    const { routes } = fleet.one.app.routes;
    const wrong = routes.filter(({ method, declaration: { cache } }) => {
      if (method !== "GET") return cache !== undefined;
      return typeof cache === "object" ? cache.uncached.length < 10 : cache === undefined;
    });
    expect(wrong.map(({ method, template }) => `${method} ${template}`)).toEqual([]);
  });

  test("what is named is defined, and what is defined is named, but for what every request asks", () => {
    const defined = fleet.one.deps.cache.definitions().map(({ name }) => name);
    const asked = defined.filter((name) =>
      /^session|(overview|metrics)\.customer$|_number$|\.head$/.test(name),
    );
    const named = cachedPaths(fleet.one, things, null).map(({ definition }) => definition);
    expect(defined.toSorted()).toEqual([...new Set([...asked, ...named])].toSorted());
    expect(named.length).toBeGreaterThan(20);
  });

  test("the document says it of every GET, with what is promised", async () => {
    const document = (await (await fleet.one.send("GET", "/openapi.json")).json()) as OpenApiDocument;
    const defined = new Map(fleet.one.deps.cache.definitions().map((row) => [row.name, row]));
    const told = Object.values(document.paths).flatMap(({ get }) =>
      get === undefined ? [] : [get["x-cache"]],
    );
    expect(told.length).toBeGreaterThan(25);
    for (const promise of told) {
      if (promise !== undefined && "uncached" in promise) continue;
      const row = defined.get(promise?.definition ?? "");
      expect(promise?.ttl_s).toBe((row?.ttl_ms ?? 0) / 1000);
      expect(row?.class).toStartWith(promise?.class ?? "none");
    }
    for (const name of defined.keys()) expect(document.info.description).toContain(`| \`${name}\` |`);
  });
});

describe("tiers", () => {
  holding(
    "every cached answer is read once, then comes from the process, then from Redis on another",
    async () => {
      const found: Record<string, string[]> = {};
      const expected: Record<string, string[]> = {};
      for (const path of paths()) {
        let first = await ask(fleet.one, path, owner);
        // Redis was late with the proof that a strict answer needs to be kept.
        if (first.from === "MISS") first = await ask(fleet.one, path, owner);
        const again = await ask(fleet.one, path, owner);
        let there = await ask(fleet.two, path, owner);
        // A store beside the answer: now and then the other replica is there first, and holds its own.
        if (there.from === "MISS stored") there = await ask(fleet.two, path, owner);
        expect(`${path} ${first.status}`).toBe(`${path} 200`);
        expect([again.text, there.text]).toEqual([first.text, first.text]);
        expect([again.etag, there.etag]).toEqual([first.etag, first.etag]);
        expect([path, first.age, again.age, there.age]).toEqual([path, null, "0", "0"]);
        found[path] = [first.from, again.from, there.from.slice(0, 3)];
        expected[path] = ["MISS stored", "HIT l1", "HIT"];
      }
      expect(found).toEqual(expected);
      const l2 = Object.values(fleet.two.deps.cache.own().definitions).map(({ l2_hits }) => l2_hits);
      expect(l2.filter((hits) => hits > 0).length).toBeGreaterThan(10);
    },
  );

  holding("age grows, and says so", async () => {
    const path = "/api/v1/processes?limit=7";
    await ask(fleet.one, path, owner);
    await Bun.sleep(1_100);
    expect(await ask(fleet.one, path, owner)).toMatchObject({ from: "HIT l1", age: "1" });
  });

  holding("what is asked in other words is the same answer", async () => {
    const asked = [
      ["/api/v1/jobs?status=active,draft", "/api/v1/jobs?status=draft,active,draft&limit=50"],
      ["/api/v1/customers?q=ada", "/api/v1/customers?q=%20ada%20&sort=-created_at"],
      [
        `/api/v1/jobs?customer_id=${things.customer_id}`,
        `/api/v1/jobs?customer_id=${things.customer_id.toUpperCase()}`,
      ],
      [`/api/v1/customers/${things.customer_id}`, `/api/v1/customers/${things.customer_id.toUpperCase()}`],
    ] as const;
    for (const [one, other] of asked) {
      await ask(fleet.one, one, owner);
      expect(`${other} ${(await ask(fleet.one, other, owner)).from}`).toBe(`${other} HIT l1`);
    }
  });

  test("what is asked differently is another answer", async () => {
    const variants = [
      "",
      "status=draft",
      "priority=high",
      `customer_id=${things.customer_id}`,
      `assigned_to=${fleet.one.alpha.people.operator.member_id}`,
      `machine_id=${things.machine_id}`,
      "overdue=true",
      "overdue=false",
      "due_from=2026-01-01",
      "due_to=2026-01-01",
      "created_from=2026-01-01",
      "created_to=2026-01-01",
      "q=2026-01-01",
      "sort=due_on",
      "limit=3",
    ];
    await fleet.one.forget();
    for (const variant of variants) {
      const answer = await ask(fleet.two, `/api/v1/jobs?${variant}`, owner);
      expect(`${variant} ${answer.from}`).toBe(`${variant} MISS stored`);
    }
  });

  test("pages behind a cursor are cached, each by itself, and link on", async () => {
    const { sql, alpha } = fleet.one;
    await sql`insert into core.units (business_id, id, name)
      select ${alpha.id}::uuid, gen_random_uuid(), 'unit ' || n from generate_series(1, 5) n`;
    await fleet.one.forget();
    const names: string[] = [];
    let next: string | null = "/api/v1/units?limit=2";
    while (next !== null) {
      const first: CachedAnswer = await ask(fleet.one, next, owner);
      const again: CachedAnswer = await ask(fleet.one, next, owner);
      expect([first.from, again.from]).toEqual(["MISS stored", "HIT l1"]);
      expect(again.headers.get("link")).toBe(first.headers.get("link"));
      const { data } = JSON.parse(again.text) as { data: { name: string }[] };
      names.push(...data.map(({ name }) => name));
      next = /<([^>]+)>; rel="next"/.exec(again.headers.get("link") ?? "")?.[1] ?? null;
    }
    expect(names).toHaveLength(6);
    expect(names).toEqual(names.toSorted());
  });

  test("what is not there is not kept", async () => {
    const id = crypto.randomUUID();
    const path = `/api/v1/customers/${id}`;
    expect((await ask(fleet.one, path, owner)).status).toBe(404);
    expect((await ask(fleet.one, path, owner)).status).toBe(404);
    await fleet.one
      .sql`insert into core.customers (business_id, id, name) values (${fleet.one.alpha.id}, ${id}, 'Late')`;
    expect((await ask(fleet.one, path, owner)).status).toBe(200);
  });
});

describe("over HTTP", () => {
  test("a cached answer is revalidated without a query, and still says private, no-cache", async () => {
    for (const path of paths()) {
      await ask(fleet.one, path, owner);
      const full = await ask(fleet.one, path, owner);
      const loads = loadsOf();
      const same = await ask(fleet.one, path, owner, { "if-none-match": full.etag });
      expect(`${path} ${same.status} ${same.text.length} ${same.from}`).toBe(`${path} 304 0 HIT l1`);
      expect([full.etag.startsWith('W/"'), same.etag]).toEqual([true, full.etag]);
      for (const { headers } of [full, same]) {
        const kept = path.endsWith("/balance") ? "no-store" : "private, no-cache";
        expect(headers.get("cache-control")).toBe(kept);
        expect(headers.get("vary")).toContain("origin");
        expect(headers.get("server-timing")).toContain("cache;dur=");
      }
      expect(loadsOf()).toBe(loads);
      expect((await ask(fleet.one, path, owner, { "if-none-match": 'W/"other"' })).status).toBe(200);
    }
  });

  test("HEAD is answered from the cache like GET", async () => {
    const path = "/api/v1/dashboard/stats";
    const { text, etag } = await ask(fleet.one, path, owner);
    const head = await fleet.one.send("HEAD", path, { token: owner });
    expect([head.status, head.headers.get("x-cache"), head.headers.get("etag")]).toEqual([200, "HIT", etag]);
    expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(text)));
    const headers = { "if-none-match": etag };
    const unchanged = await fleet.one.send("HEAD", path, { token: owner, headers });
    expect([unchanged.status, unchanged.headers.get("etag")]).toEqual([304, etag]);
  });

  test("what a miss took in the database is told as that, a hit took nothing there", async () => {
    const path = "/api/v1/dashboard/chart/jobs-by-month?months=7";
    const took = ({ headers }: CachedAnswer) =>
      Number(/db;dur=([\d.]+)/.exec(headers.get("server-timing") ?? "")?.[1]);
    expect(took(await ask(fleet.one, path, owner))).toBeGreaterThan(0);
    await until("it is a hit", async () => {
      const again = await ask(fleet.one, path, owner);
      return again.from === "HIT l1" && took(again) === 0;
    });
  });

  test("what another release has stored is not read, and ends with the same writes", async () => {
    const newer = await startTestApp({
      env: { REDIS_URL: fleet.redis.url, REPLICA: "newer" },
      database_url: fleet.one.database_url,
      businesses: [fleet.one.alpha, fleet.one.bravo],
      release: "newer",
    });
    try {
      await until("it is live", () => isLive(newer));
      const path = "/api/v1/units?limit=9";
      const held = async (app: TestApp) => (await ask(app, path, owner)).from === "HIT l1";
      await until("it is held here", () => held(fleet.one));
      expect((await ask(newer, path, owner)).from).not.toStartWith("HIT");
      await until("it is held there", () => held(newer));
      const body = { name: `of two releases ${crypto.randomUUID()}` };
      expect((await fleet.one.send("POST", "/api/v1/units", { token: owner, body })).status).toBe(201);
      await until("it is heard there", async () => (await ask(newer, path, owner)).text.includes(body.name));
    } finally {
      await newer.stop();
    }
  });

  test("the tag of a change is the tag of the read after it, and the next change takes it", async () => {
    const path = `/api/v1/customers/${things.customer_id}`;
    const { etag } = await ask(fleet.one, path, owner);
    const patch = (tag: string, notes: string) =>
      fleet.one.send("PATCH", path, { token: owner, body: { notes }, headers: { "if-match": tag } });
    const changed = await patch(etag, "once");
    expect(changed.status).toBe(200);
    const read = await ask(fleet.one, path, owner);
    expect(read.etag).toBe(changed.headers.get("etag") ?? "none");
    expect((await patch(etag, "stale")).status).toBe(412);
    expect((await patch(read.etag, "twice")).status).toBe(200);
  });

  test("an export does not come from the cache", async () => {
    const csv = await fleet.one.send("GET", "/api/v1/customers", {
      token: owner,
      headers: { accept: "text/csv" },
    });
    expect([csv.status, csv.headers.get("x-cache")]).toEqual([200, null]);
    await csv.text();
  });

  const loadsOf = (): number =>
    Object.values(fleet.one.deps.cache.own().definitions).reduce((sum, { loads }) => sum + loads, 0);
});

describe("nobody is given somebody else's answer", () => {
  test("two businesses, whichever asks first, by token or by header", async () => {
    const { one, two } = fleet;
    const theirs = await makeThings(one.sql, one.bravo);
    const stranger = await one.token(one.bravo.people.owner);
    const guest = { ...one.bravo.people.owner, member_id: Bun.randomUUIDv7() };
    await one.sql`insert into core.memberships (business_id, id, user_id, role)
      values (${one.alpha.id}, ${guest.member_id}, ${guest.user_id}, 'owner')`;
    await one.forget();
    const as = { "x-business-id": one.alpha.id };
    for (const app of [one, two, one]) {
      for (const { path } of cachedPaths(one, things)) {
        const own = await ask(app, path, owner);
        const visiting = await ask(app, path, stranger, as);
        const other = await ask(app, path, stranger);
        for (const canary of things.canaries.slice(0, 1)) {
          expect(`${path} ${other.text.includes(canary)}`).toBe(`${path} false`);
        }
        for (const { text } of [own, visiting]) {
          expect(`${path} ${text.includes(theirs.canaries[0] ?? "")}`).toBe(`${path} false`);
        }
        const status = path.includes(things.customer_id) || /[0-9a-f]{8}-/.test(path) ? 404 : 200;
        // A budget and a chat are one person's, whoever else owns the business.
        const visited = /\/(budgets|chat\/threads)\//.test(path) ? 404 : 200;
        expect(`${path} ${own.status} ${visiting.status} ${other.status}`).toBe(
          `${path} 200 ${visited} ${status}`,
        );
      }
    }
  });

  test("two members of one business see their own tasks and their own profile", async () => {
    const { one, two } = fleet;
    const operator = await one.token(one.alpha.people.operator);
    for (const app of [one, two, one]) {
      const tasks = async (token: string) =>
        (
          JSON.parse((await ask(app, "/api/v1/dashboard/stats", token)).text) as {
            my_tasks: { ready: number };
          }
        ).my_tasks.ready;
      expect([await tasks(owner), await tasks(operator)]).toEqual([0, 1]);
      const who = async (token: string) =>
        (JSON.parse((await ask(app, "/api/v1/me", token)).text) as { username: string }).username;
      expect([await who(owner), await who(operator)]).toEqual(["alpha.owner", "alpha.operator"]);
    }
  });

  test("a business that moves to the other end of the calendar has another today at once, everywhere", async () => {
    const { one, two } = fleet;
    const today = async (app: typeof one) =>
      (JSON.parse((await ask(app, "/api/v1/dashboard/stats", owner)).text) as { today: string }).today;
    const move = async (timezone: string) => {
      const headers = { "if-match": "*" };
      const response = await one.send("PATCH", "/api/v1/business", {
        token: owner,
        body: { timezone },
        headers,
      });
      expect(response.status).toBe(200);
      return [await today(one), await today(two)];
    };
    const [early, late] = [await move("Pacific/Kiritimati"), await move("Pacific/Pago_Pago")];
    expect(early[0]).toBe(early[1] as string);
    expect(late[0]).toBe(late[1] as string);
    expect(String(early[0]) > String(late[0])).toBe(true);
    await move(one.alpha.timezone);
  });
});

describe("writes of other programs", () => {
  const label = async (app: Replicas["one"]): Promise<string> =>
    (JSON.parse((await ask(app, "/api/v1/machines", owner)).text) as { data: { name: string }[] }).data[0]
      ?.name ?? "";
  const rename = (business: Business, name: string, tags: readonly string[]) =>
    fleet.one.sql.unsafe(
      `with changed as (update shop.machines set name = $2 where business_id = $1::uuid returning 1)
       select core.invalidate(array(select jsonb_array_elements_text($3::text::jsonb))) from changed`,
      [business.id, name, JSON.stringify(tags)],
    );

  test("are seen within a second where they leave a row in the outbox, and at the end of the TTL where not", async () => {
    const { one, two } = fleet;
    const before = [await label(one), await label(two)];
    await rename(one.alpha, "Silent", []);
    await Bun.sleep(300);
    expect([await label(one), await label(two)]).toEqual(before);
    await rename(one.alpha, "Announced", [`b:${one.alpha.id}|shop_machines`]);
    await until(
      "both show it",
      async () => (await label(one)) === "Announced" && (await label(two)) === "Announced",
      1_050,
    );
    await rename(one.alpha, "Seeded", [`b:${one.alpha.id}!`]);
    await until(
      "both show it",
      async () => (await label(one)) === "Seeded" && (await label(two)) === "Seeded",
      1_050,
    );
  });
});
