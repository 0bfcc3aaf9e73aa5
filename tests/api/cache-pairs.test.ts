import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { everyWrite, type Scene, type Write } from "../helpers/every-write.ts";
import type { Person } from "../helpers/fixtures.ts";
import { cachedPaths, type Replicas, startReplicas, until } from "../helpers/replicas.ts";
import { makeThings } from "../helpers/things.ts";
import { webhookEnvironment } from "../helpers/webhooks.ts";

/**
 * Every write beside every cached answer. What an answer should be is asked of a third server on the same database
 * that caches nothing, so that nobody has to think of what a write might make wrong: what differs is stale.
 */

/** What a bounded answer may be behind a write, where all is well: far less, but machines are slow at times. */
const bound_ms = 1_050;

/** A cached answer as one person sees it. */
type Read = Readonly<{ who: string; token: string; path: string; strict: boolean; definition: string }>;

let fleet: Replicas;
let bare: TestApp;
let writes: readonly Write[] = [];
let reads: readonly Read[] = [];

beforeAll(async () => {
  fleet = await startReplicas(webhookEnvironment);
  const { one } = fleet;
  const { alpha, bravo } = one;
  bare = await startTestApp({
    env: { CACHE_ENABLED: "false", REDIS_URL: fleet.redis.url, REPLICA: "bare" },
    database_url: one.database_url,
    businesses: [alpha, bravo],
  });
  const scene: Scene = {
    api: one,
    things: await makeThings(one.sql, alpha),
    owner: await one.token(alpha.people.owner),
    absentee: bravo.people.manager,
    guests: [bravo.people.agent, bravo.people.compliance],
  };
  const away = Bun.randomUUIDv7();
  await one.sql`insert into core.memberships (business_id, id, user_id, role, status)
    values (${alpha.id}, ${away}, ${scene.absentee.user_id}, 'operator', 'suspended'),
      (${bravo.id}, ${Bun.randomUUIDv7()}, ${alpha.people.clerk.user_id}, 'clerk', 'active')`;
  await one.sql`insert into shop.job_steps (business_id, job_id, process_id, position, assigned_to)
    select business_id, job_id, process_id, 2, ${away}::uuid from shop.job_steps where business_id = ${alpha.id}`;
  writes = everyWrite(scene);
  reads = await readsOf(scene);
});
afterAll(async () => {
  await bare.stop();
  await fleet.stop();
});

async function readsOf({ api, things, owner, absentee, guests }: Scene): Promise<Read[]> {
  const { alpha, bravo } = api;
  const kinds = new Map(api.deps.cache.definitions().map((row) => [row.name, row.class]));
  const variants = [
    ["/api/v1/customers?is_active=true", "core.customers.page"],
    ["/api/v1/customers?q=canary&sort=name", "core.customers.page"],
    [`/api/v1/jobs?customer_id=${things.customer_id}`, "shop.jobs.page"],
    ["/api/v1/jobs?overdue=true", "shop.jobs.page"],
    [`/api/v1/bank/overview?customer_id=${things.customer_id}`, "bank.overview.customer"],
    [`/api/v1/savings/metrics?customer_id=${things.customer_id}`, "savings.metrics.customer"],
    [`/api/v1/savings/metrics?agent_id=${api.alpha.people.agent.member_id}`, "savings.metrics.business"],
  ] as const;
  const judged = (read: { path: string; definition: string }) => ({
    ...read,
    strict: kinds.get(read.definition)?.startsWith("strict") === true,
  });
  const all = [
    ...cachedPaths(api, things),
    ...variants.map(([path, definition]) => ({ path, definition })),
  ].map(judged);
  const ofCompliance = cachedPaths(api, things, "compliance").filter(({ path }) => path.includes("/kyc/"));
  const of = async (who: string, token: string | Promise<string>, ends: readonly string[]) => {
    const held = await token;
    const wanted = all.filter(({ path }) => ends.some((end) => path.endsWith(end)));
    return wanted.map((read) => ({ who, token: held, ...read }));
  };
  const at = (person: Person, business = alpha) => api.token(person, business);
  const { operator, admin, agent, clerk, customer } = alpha.people;
  const ofBank = [
    "/me",
    "/savings/metrics",
    "/accounts",
    "/balance",
    "/beneficiaries",
    "/stats",
    "/transactions",
    "/transfers",
    "/wire-transfers",
    "/savings",
    "/payment-requests",
    "/payment-destinations",
  ];
  const ownAccount = things.idOf("/api/v1/accounts/{id}");
  const groups = await Promise.all([
    of("owner", owner, [""]),
    of("operator", at(operator), ["/me", "/stats"]),
    of("admin", at(admin), ["/me"]),
    of("customer", at(customer), [...ofBank, ownAccount]),
    of("agent", at(agent), ["/expenses", "/remittances", "/savings", "/payment-requests", "/commissions"]),
    of("clerk, from the other business", at(clerk, bravo), ["/me"]),
    of("guest", at(guests[0], bravo), ["/me"]),
    of("second guest", at(guests[1], bravo), ["/me"]),
    of("absentee", at(absentee, bravo), ["/me"]),
  ]);
  const token = await at(alpha.people.compliance);
  const reviewed = ofCompliance.map((read) => ({ who: "compliance", token, ...judged(read) }));
  return [...groups.flat(), ...reviewed];
}

/** Without the check against the document, which other tests do: there are thousands. */
async function ask(app: TestApp, { path, token }: Read): Promise<{ text: string; x_cache: string | null }> {
  const response = await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  const body = await response.text();
  // Not the instant of the figures, nor the number of a refused request: they are others each time.
  const text = response.status === 200 ? body.replace(/"as_of" ?: ?"[^"]+"/, "") : String(response.status);
  return { text, x_cache: response.headers.get("x-cache") };
}

async function answers(app: TestApp, of: readonly Read[]): Promise<Map<Read, string>> {
  const texts = of.map(async (read) => [read, (await ask(app, read)).text] as const);
  return new Map(await Promise.all(texts));
}

const differences = (some: ReadonlyMap<Read, string>, right: ReadonlyMap<Read, string>): Read[] =>
  [...some.keys()].filter((read) => some.get(read) !== right.get(read));

const namesOf = (some: readonly Read[]): string[] => some.map(({ who, path }) => `${path} of ${who}`);

/** Brings what may be read into the memory of both replicas, where it must be `right`, and says what may be read. */
async function remembered(right: ReadonlyMap<Read, string>): Promise<Map<Read, string>> {
  const readable = new Map([...right].filter(([, text]) => text.startsWith("{")));
  for (const app of [fleet.one, fleet.two]) {
    const hit = async (read: Read): Promise<[Read, string]> => {
      let text = "";
      await until(`${read.path} is cached`, async () => {
        const answer = await ask(app, read);
        ({ text } = answer);
        return answer.x_cache === "HIT";
      });
      return [read, text];
    };
    const hits = new Map(await Promise.all([...readable.keys()].map(hit)));
    expect(namesOf(differences(hits, readable))).toEqual([]);
  }
  return readable;
}

/** @returns what is right after them */
async function expectSeen(
  done: readonly Write[],
  before: ReadonlyMap<Read, string>,
): Promise<ReadonlyMap<Read, string>> {
  for (const { send } of done) expect((await send()).status).toBeLessThan(500);
  const answered = performance.now();
  const all = [...before.keys()];
  const elsewhere = await answers(
    fleet.two,
    all.filter(({ strict }) => strict),
  );
  const here = await answers(fleet.one, all);
  const now = await answers(bare, reads);
  expect({ elsewhere: namesOf(differences(elsewhere, now)), here: namesOf(differences(here, now)) }).toEqual({
    elsewhere: [],
    here: [],
  });
  let stale = all;
  do stale = differences(await answers(fleet.two, stale), now);
  while (stale.length > 0 && performance.now() - answered < bound_ms);
  expect(namesOf(stale)).toEqual([]);
  const expected = done.flatMap(({ changes }) => changes);
  const may_change = new Set(done.flatMap((write) => write.may_change ?? []));
  const changed = new Set(differences(before, now).map(({ definition }) => definition));
  const counts = (definition: string) => expected.includes(definition) || !may_change.has(definition);
  expect([...changed].filter(counts).toSorted()).toEqual(expected.toSorted());
  return now;
}

test("every write of the product is in the table", () => {
  const all = fleet.one.app.routes.routes.flatMap(({ method, template }) =>
    method === "GET" ? [] : [`${method} ${template.replace("/api/v1", "")}`],
  );
  expect([...new Set(writes.map(({ route }) => route))].toSorted()).toEqual(all.toSorted());
});

test("every cached answer is the one of now after every write, at once where it is strict or was written there", async () => {
  const quiet = writes.filter(({ changes }) => changes.length === 0);
  let right: ReadonlyMap<Read, string> = await answers(bare, reads);
  for (const write of writes.filter(({ changes }) => changes.length > 0)) {
    if (write.prepare !== undefined) {
      await write.prepare();
      right = await answers(bare, reads);
    }
    const what = `${write.route} ${write.what ?? ""}`;
    right = await expectSeen([write], await remembered(right)).catch((error: unknown) => {
      throw new Error(`after ${what}: ${String(error)}`);
    });
  }
  await expectSeen(quiet, await remembered(right));
}, 480_000);
