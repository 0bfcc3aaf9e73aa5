import { afterEach, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { login } from "../helpers/login.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { isLive, until } from "../helpers/replicas.ts";
import { startTcpProxy } from "../helpers/tcp-proxy.ts";

/** Replicas on one database; whatever is written, is written on the first one. */
type World = {
  readonly apps: readonly TestApp[];
  /** Takes Redis away, in the world's own way. */
  harm(): Promise<void> | void;
  stop(): Promise<void>;
};

const me = "/api/v1/me";
let world: World | null = null;
let businesses = 0;
afterEach(async () => {
  await world?.stop();
  world = null;
});

const hitsOf = ({ deps: { cache } }: TestApp): number =>
  cache.own().definitions["session.session"]?.l1_hits ?? 0;

/** `urls`: the Redis of each replica, as it reaches it; null for none. */
async function replicas(urls: readonly (string | null)[]): Promise<TestApp[]> {
  const apps: TestApp[] = [];
  for (const [index, url] of urls.entries()) {
    const first = apps[0];
    const shared =
      first === undefined
        ? {}
        : { database_url: first.database_url, businesses: [first.alpha, first.bravo] as const };
    const redis = url === null ? {} : { REDIS_URL: url };
    apps.push(await startTestApp({ ...shared, env: { REPLICA: `replica${index}`, ...redis } }));
  }
  return apps;
}

async function withRedis(harm: (redis: TestRedis) => Promise<void> | void): Promise<World> {
  const redis = await startRedis();
  const apps = await replicas([redis.url, redis.url, redis.url]);
  await until("all replicas are live", () => apps.every(isLive));
  const stop = async () => {
    redis.thaw();
    for (const app of apps.toReversed()) await app.stop();
    await redis.stop();
  };
  return { apps, harm: () => harm(redis), stop };
}

const worlds: Readonly<Record<string, () => Promise<World>>> = {
  "all is well": () => withRedis(() => {}),
  "Redis is frozen": () => withRedis((redis) => redis.freeze()),
  "Redis has been frozen for a while": () =>
    withRedis(async (redis) => {
      redis.freeze();
      await Bun.sleep(1_500);
    }),
  "Redis is gone": () => withRedis((redis) => redis.kill()),
  async "one replica is cut off from Redis and does not know it"() {
    const redis = await startRedis();
    const proxy = await startTcpProxy(redis.url);
    const apps = await replicas([redis.url, redis.url, proxy.url]);
    await until("all replicas are live", () => apps.every(isLive));
    const stop = async () => {
      for (const app of apps.toReversed()) await app.stop();
      proxy.stop();
      await redis.stop();
    };
    return { apps, harm: () => proxy.blackHole(), stop };
  },
};

async function withoutRedis(): Promise<World> {
  const apps = await replicas([null, null]);
  await until("one of them knows that it holds the lock", () => apps.some(isLive));
  const stop = async () => {
    for (const app of apps.toReversed()) await app.stop();
  };
  return { apps, harm: () => {}, stop };
}

const newBusiness = ({ sql }: TestApp): Promise<Business> =>
  makeBusiness(sql, { code: `REV${++businesses}A`, timezone: "Africa/Lagos", currency: "NGN" });

const sessionOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).sid;

/** One way to lose a right: a token that has it, where it is used, and what takes it away. */
type Loss = Readonly<{ token: string; path: string; take(): Promise<Response>; answer: number }>;

/** Every kind, each of a person of its own, so that they can happen at once. */
async function losses(writer: TestApp, business: Business): Promise<Record<string, Loss>> {
  const { people } = business;
  const owner = await writer.token(people.owner, business);
  const token = (person: keyof typeof people) => writer.token(people[person], business);
  const post = (path: string, by: string, body?: object) =>
    writer.send("POST", path, { token: by, ...(body === undefined ? {} : { body }) });
  const lost = { logout: await token("operator"), revoked: await token("agent") };
  const stolen = await login(writer, people.compliance);
  const first = { refresh_token: stolen.refresh_token };
  const refresh = () => writer.send("POST", "/api/v1/auth/refresh", { body: first });
  expect((await refresh()).status).toBe(200);
  await writer.sql`update core.refresh_tokens set used_at = used_at - interval '1 minute'
    where session_id = ${sessionOf(stolen.access_token)}`;
  const changing = await token("customer");
  const mine = await token("agent");
  const members = "/api/v1/members";
  return {
    logout: {
      token: lost.logout,
      path: me,
      take: () => post("/api/v1/auth/logout", lost.logout),
      answer: 204,
    },
    "session ended from another one": {
      token: lost.revoked,
      path: me,
      // Ids are accepted in any case; a tag in capitals would end nothing.
      take: () =>
        writer.send("DELETE", `${me}/sessions/${sessionOf(lost.revoked).toUpperCase()}`, { token: mine }),
      answer: 204,
    },
    "refresh token used twice": { token: stolen.access_token, path: me, take: refresh, answer: 401 },
    "another password": {
      token: await token("customer"),
      path: me,
      take: () =>
        post("/api/v1/auth/password", changing, {
          old_password: people.customer.password,
          new_password: "four walls and a roof",
        }),
      answer: 204,
    },
    "another role": {
      token: await token("manager"),
      path: `${members}/${people.owner.member_id}`,
      take: () =>
        writer.send("PATCH", `${members}/${people.manager.member_id.toUpperCase()}`, {
          token: owner,
          body: { role: "clerk" },
          headers: { "if-match": "*" },
        }),
      answer: 200,
    },
    suspension: {
      token: await token("clerk"),
      path: me,
      take: () => post(`${members}/${people.clerk.member_id}/suspend`, owner),
      answer: 200,
    },
    // Not a loss: the session that changed the password stays, and is never refused on the way.
    "the one that changed the password": {
      token: changing,
      path: me,
      take: () => Promise.resolve(new Response(null, { status: 204 })),
      answer: 204,
    },
  };
}

type Try = Readonly<{ kind: string; replica: number; began: number; status: number }>;

/** Asks again and again on one replica, until told to stop. */
async function ask(
  app: TestApp,
  about: { kind: string; replica: number } & Pick<Loss, "path" | "token">,
  tries: Try[],
  run: { on: boolean },
): Promise<void> {
  const { kind, replica, path, token } = about;
  while (run.on) {
    const began = performance.now();
    const response = await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    await response.arrayBuffer();
    tries.push({ kind, replica, began, status: response.status });
    await Bun.sleep(1);
  }
}

const kept = "the one that changed the password";

type Outcome = { tries: Try[]; answered: Record<string, { at: number; took_ms: number }> };

/** Takes every right away while all replicas are asked about all of them. */
async function play({ apps, harm }: World): Promise<Outcome> {
  const writer = apps[0] as TestApp;
  const all = Object.entries(await losses(writer, await newBusiness(writer)));
  const tries: Try[] = [];
  const run = { on: true };
  const asking = all.flatMap(([kind, loss]) =>
    apps.map((app, replica) => ask(app, { kind, replica, ...loss }, tries, run)),
  );
  try {
    // So that what is taken away is remembered on every replica, and the writer may trust their confirmations.
    const warmed = Bun.sleep(1_200);
    await until("sessions are remembered", () => apps.filter(isLive).every((app) => hitsOf(app) > 100));
    await warmed;
    await harm();
    const answered = await Promise.all(
      all.map(async ([kind, { take, answer }]) => {
        const began = performance.now();
        const response = await take();
        const at = performance.now();
        expect(`${kind}: ${response.status}`).toBe(`${kind}: ${answer}`);
        return [kind, { at, took_ms: at - began }] as const;
      }),
    );
    await Bun.sleep(1_500);
    const outcome = { tries, answered: Object.fromEntries(answered) };
    await until("everybody was asked often enough", () => wasAskedAfter(outcome, apps.length));
    return outcome;
  } finally {
    run.on = false;
    await Promise.all(asking);
  }
}

/** Accepted on these replicas so long after the answer, in milliseconds after it; `kept` is accepted always. */
function acceptedLate({ tries, answered }: Outcome, replica: (index: number) => boolean, after_ms = 0) {
  return tries.flatMap(({ kind, replica: index, began, status }) => {
    const late_ms = began - (answered[kind]?.at ?? 0);
    const counts = kind !== kept && status === 200 && replica(index) && late_ms >= after_ms;
    return counts ? [`${kind} on replica ${index}: ${late_ms.toFixed(1)} ms after the answer`] : [];
  });
}

/** A thousand tries since the answers, at least ten of each kind on each replica. */
function wasAskedAfter({ tries, answered }: Outcome, replicas: number): boolean {
  const after = tries.filter(({ kind, began }) => began > (answered[kind]?.at ?? 0));
  const places = new Map<string, number>();
  for (const { kind, replica } of after) {
    const place = `${kind} ${replica}`;
    places.set(place, (places.get(place) ?? 0) + 1);
  }
  const isEverywhere = places.size === Object.keys(answered).length * replicas;
  return after.length > 1_000 && isEverywhere && Math.min(...places.values()) >= 10;
}

function expectSound(outcome: Outcome, replicas: number): void {
  const { tries, answered } = outcome;
  const statuses = new Set(tries.map(({ status }) => status));
  expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 401, 403]);
  expect(tries.filter(({ kind, status }) => kind === kept && status !== 200)).toEqual([]);
  for (const [kind, { at }] of Object.entries(answered)) {
    for (let index = 0; index < replicas; index += 1) {
      const own = tries.filter((one) => one.kind === kind && one.replica === index);
      expect(own.some(({ began, status }) => began < at && status === 200)).toBe(true);
    }
  }
}

describe("what was taken away is refused everywhere once that is answered", () => {
  test.each(Object.keys(worlds))("when %s", async (name) => {
    world = await (worlds[name] as () => Promise<World>)();
    const outcome = await play(world);
    expect(acceptedLate(outcome, () => true)).toEqual([]);
    expectSound(outcome, 3);
    const longest_ms = Math.max(...Object.values(outcome.answered).map(({ took_ms }) => took_ms));
    // A second for the leases, the rest for hashing a password on a busy machine.
    expect(longest_ms).toBeLessThan(5_000);
  });

  test("where it was written, and within a second elsewhere, when two processes share no Redis", async () => {
    world = await withoutRedis();
    const outcome = await play(world);
    expect(acceptedLate(outcome, (index) => index === 0)).toEqual([]);
    expect(acceptedLate(outcome, () => true, 1_000)).toEqual([]);
    expectSound(outcome, 2);
  });
});

describe("what is given counts everywhere once that is answered", () => {
  const saidBy = (answer: Response) => (answer.status < 500 ? answer.status : answer.text());
  /** What every replica answers to the same request; what should never be says why. */
  const everywhere = ({ apps }: World, path: string, token: string) =>
    Promise.all(apps.map(async (app) => saidBy(await app.send("GET", path, { token }))));

  test("another role, and a suspension that is over", async () => {
    world = await withRedis(() => {});
    const [writer] = world.apps as [TestApp];
    const business = await newBusiness(writer);
    const { clerk, owner: boss } = business.people;
    const [owner, theirs] = [await writer.token(boss, business), await writer.token(clerk, business)];
    const member = `/api/v1/members/${clerk.member_id}`;
    expect(await everywhere(world, member, theirs)).toEqual([403, 403, 403]);
    const promoted = await writer.send("PATCH", member, {
      token: owner,
      body: { role: "manager" },
      headers: { "if-match": "*" },
    });
    expect(promoted.status).toBe(200);
    expect(await everywhere(world, member, theirs)).toEqual([200, 200, 200]);
    expect((await writer.send("POST", `${member}/suspend`, { token: owner })).status).toBe(200);
    expect(await everywhere(world, me, theirs)).toEqual([401, 401, 401]);
    expect((await writer.send("POST", `${member}/reactivate`, { token: owner })).status).toBe(200);
    expect(await everywhere(world, me, theirs)).toEqual([200, 200, 200]);
  });

  test("an invitation that was accepted, by entering the business or by logging in", async () => {
    world = await withRedis(() => {});
    const { apps } = world;
    const [writer, second] = apps as [TestApp, TestApp];
    const [home, host] = [await newBusiness(writer), await newBusiness(writer)];
    const owner = await writer.token(host.people.owner, host);
    const guest = home.people.operator;
    const theirs = await writer.token(guest, home);
    const body = { username: guest.username, role: "clerk" };
    expect((await writer.send("POST", "/api/v1/members", { token: owner, body })).status).toBe(201);
    const inHost = () =>
      Promise.all(
        apps.map(async (app) => {
          const headers = { "x-business-id": host.id };
          return (await app.send("GET", me, { token: theirs, headers })).status;
        }),
      );
    expect(await inHost()).toEqual([404, 404, 404]);
    const entering = { token: theirs, body: { business_id: host.id.toUpperCase() } };
    expect((await second.send("POST", `${me}/active-business`, entering)).status).toBe(200);
    expect(await inHost()).toEqual([200, 200, 200]);

    const { clerk } = host.people;
    const member = `/api/v1/members/${clerk.member_id}`;
    const before = await writer.token(clerk, host);
    expect(await everywhere(world, me, before)).toEqual([200, 200, 200]);
    expect((await writer.send("POST", `${member}/suspend`, { token: owner })).status).toBe(200);
    await writer.sql`update core.memberships set invited_as = 'x' where id = ${clerk.member_id}`;
    expect((await writer.send("POST", `${member}/reactivate`, { token: owner })).status).toBe(200);
    expect(await everywhere(world, me, before)).toEqual([401, 401, 401]);
    await login(second, clerk);
    expect(await everywhere(world, me, before)).toEqual([200, 200, 200]);
  });

  test("another time zone of a business: its days begin elsewhere", async () => {
    world = await withRedis(() => {});
    const { apps } = world;
    const [writer] = apps as [TestApp];
    const business = await newBusiness(writer);
    const token = await writer.token(business.people.owner, business);
    const move = (timezone: string) =>
      writer.send("PATCH", "/api/v1/business", { token, body: { timezone }, headers: { "if-match": "*" } });
    // Twenty-five hours apart: it is never the same day in both.
    expect((await move("Pacific/Pago_Pago")).status).toBe(200);
    await writer.sql`insert into shop.jobs (business_id, id, job_number, title, status, due_on) values (${business.id},
      ${Bun.randomUUIDv7()}, 'J1', 'Due', 'active', (now() at time zone 'Pacific/Pago_Pago')::date)`;
    const overdue = () =>
      Promise.all(
        apps.map(async (app) => {
          const response = await app.send("GET", "/api/v1/jobs?overdue=true", { token });
          return ((await response.json()) as { data: unknown[] }).data.length;
        }),
      );
    expect(await overdue()).toEqual([0, 0, 0]);
    expect((await move("Pacific/Kiritimati")).status).toBe(200);
    expect(await overdue()).toEqual([1, 1, 1]);
  });
});

describe("a session that ends by itself", () => {
  test("is refused at its limit, cached or not, and goes on where a refresh has moved the limit", async () => {
    world = await withRedis(() => {});
    const { apps } = world;
    const [writer] = apps as [TestApp];
    const business = await newBusiness(writer);
    const [ending, going] = [
      await login(writer, business.people.clerk),
      await login(writer, business.people.agent),
    ];
    const sids = [sessionOf(ending.access_token), sessionOf(going.access_token)];
    const ends = Date.now() + 2_500;
    for (const sid of sids) {
      await writer.sql`update core.sessions set idle_expires_at = ${new Date(ends).toISOString()}::timestamptz
        where id = ${sid}`;
    }
    const statuses = ({ access_token: token }: { access_token: string }) =>
      Promise.all(apps.map(async (app) => (await app.send("GET", me, { token })).status));
    expect([...(await statuses(ending)), ...(await statuses(going))]).toEqual([200, 200, 200, 200, 200, 200]);
    const body = { refresh_token: going.refresh_token };
    expect((await writer.send("POST", "/api/v1/auth/refresh", { body })).status).toBe(200);
    await Bun.sleep(ends - Date.now() + 20);
    expect(await statuses(ending)).toEqual([401, 401, 401]);
    expect(await statuses(going)).toEqual([200, 200, 200]);
  });
});
