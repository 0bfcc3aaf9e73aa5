import { describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { ask, cachedPaths, isLive, startReplicas, steadily, until } from "../helpers/replicas.ts";
import { makeThings } from "../helpers/things.ts";

const list = "/api/v1/units";
const names = async (app: TestApp, token: string): Promise<string[]> =>
  (JSON.parse((await ask(app, list, token)).text) as { data: { name: string }[] }).data.map(
    ({ name }) => name,
  );

async function create(app: TestApp, token: string, name: string): Promise<void> {
  const response = await app.send("POST", list, { token, body: { name } });
  expect(response.status).toBe(201);
}

describe("without Redis", () => {
  test("two replicas that lose it go on answering, at most a second old, and use it again when it is back", async () => {
    const { one, two, redis, stop } = await startReplicas();
    const things = await makeThings(one.sql, one.alpha);
    const token = await one.token(one.alpha.people.owner);
    const paths = cachedPaths(one, things).map(({ path }) => path);
    for (const path of paths) for (const app of [one, two]) await ask(app, path, token);
    await redis.kill();
    for (let round = 0; round < 3; round += 1) {
      const name = `unit ${round}`;
      for (const path of paths) {
        for (const app of [one, two])
          expect(`${path} ${(await ask(app, path, token)).status}`).toBe(`${path} 200`);
      }
      await create(one, token, name);
      const answered = performance.now();
      expect(await names(one, token)).toContain(name);
      await until("the other has it", async () => (await names(two, token)).includes(name), 1_050);
      expect(performance.now() - answered).toBeLessThan(1_200);
    }
    const value = async (app: TestApp) =>
      (JSON.parse((await ask(app, "/api/v1/settings/shop.parallel_work", token)).text) as { value: boolean })
        .value;
    expect([await value(one), await value(two)]).toEqual([false, false]);
    const headers = { "if-match": "*" };
    const put = one.send("PUT", "/api/v1/settings/shop.parallel_work", {
      token,
      body: { value: true },
      headers,
    });
    expect((await put).status).toBe(200);
    // What needs no Redis: the writer's answer waits until everything older has ended everywhere.
    expect([await value(one), await value(two)]).toEqual([true, true]);
    await redis.start();
    await until("both are live again", () => isLive(one) && isLive(two));
    await until("it is cached again", async () => (await ask(one, list, token)).from === "HIT l1");
    await until("the other finds it there", async () => (await ask(two, list, token)).from.startsWith("HIT"));
    await create(one, token, "after");
    expect(await names(one, token)).toContain("after");
    await until("the other has it", async () => (await names(two, token)).includes("after"), 1_050);
    await stop();
  }, 60_000);

  test("a server that shares its database with another, without Redis, still tells its metrics", async () => {
    const first = await startTestApp();
    await until("it is alone", () => isLive(first));
    const { database_url, alpha, bravo } = first;
    const second = await startTestApp({ database_url, businesses: [alpha, bravo] });
    for (const { url } of [first, second]) {
      const response = await fetch(`${url}/metrics`);
      expect([response.status, /^cache_generations_total \d+$/m.test(await response.text())]).toEqual([
        200,
        true,
      ]);
    }
    await second.stop();
    await first.stop();
  });

  test("a server alone on its database keeps answers in its memory, and ends them with its writes and others'", async () => {
    const alone = await startTestApp({ env: { CACHE_WARM: "false" } });
    const token = await alone.token(alone.alpha.people.owner);
    await steadily([alone], async () => {
      await ask(alone, list, token);
      expect((await ask(alone, list, token)).from).toBe("HIT l1");
      await Bun.sleep(1_100);
      expect(await ask(alone, list, token)).toMatchObject({ from: "HIT l1", age: "1" });
    });
    await create(alone, token, "Ikeja");
    expect(await names(alone, token)).toEqual(["Ikeja"]);
    // Another program, say a seed.
    const { sql, alpha } = alone;
    await sql.unsafe(
      `with made as (insert into core.units (business_id, id, name) values ($1::uuid, gen_random_uuid(), 'Yaba'))
       select core.invalidate(array['b:' || $1::text || '!'])`,
      [alpha.id],
    );
    await until("it is heard", async () => (await names(alone, token)).includes("Yaba"), 1_050);
    await alone.stop();
  });
});

describe("CACHE_ENABLED=false", () => {
  test("every answer is read from the database and says so; what others have cached is ended all the same", async () => {
    const { one, two: cached, redis, stop } = await startReplicas();
    const bare = await startTestApp({
      env: { CACHE_ENABLED: "false", REDIS_URL: redis.url, REPLICA: "bare" },
      database_url: one.database_url,
      businesses: [one.alpha, one.bravo],
    });
    const things = await makeThings(one.sql, one.alpha);
    const token = await one.token(one.alpha.people.owner);
    for (const { path } of cachedPaths(bare, things)) {
      for (let round = 0; round < 2; round += 1) {
        const { status, from, age, etag } = await ask(bare, path, token);
        expect(`${path} ${status} ${from} ${age}`).toBe(`${path} 200 BYPASS null`);
        const same = await ask(bare, path, token, { "if-none-match": etag });
        // The figures say when they were counted.
        expect(`${path} ${same.status}`).toBe(
          `${path} ${/dashboard\/stats$|\/overview$|\/savings\/metrics$/.test(path) ? 200 : 304}`,
        );
      }
    }
    await until("it is cached elsewhere", async () => (await ask(cached, list, token)).from === "HIT l1");
    await create(bare, token, "Ikeja");
    expect(await names(bare, token)).toContain("Ikeja");
    await until("the other has heard", async () => (await names(cached, token)).includes("Ikeja"), 1_050);
    await bare.stop();
    await stop();
  }, 30_000);
});
