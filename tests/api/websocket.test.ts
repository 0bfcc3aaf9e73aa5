import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTokens } from "../../src/http/tokens.ts";
import { startTestApp, type TestApp, testSecret } from "../helpers/app.ts";
import { makeSession, type Person } from "../helpers/fixtures.ts";
import { expectProblem } from "../helpers/problem.ts";
import { openAs, openRawSocket, openSocket, type SocketClient } from "../helpers/sockets.ts";

let api: TestApp;
let token: string;
/** A budget of the owner of alpha. */
let budget: string;

beforeAll(async () => {
  api = await startTestApp({
    env: { CORS_ORIGINS: "https://app.example.com" },
    sockets: {
      auth_ms: 300,
      check_every_ms: 50,
      ping_every_ms: 100,
      silent_ms: 500,
      sockets_per_member: 3,
      topics: 3,
      frames_at_once: 20,
    },
  });
  token = await api.token(api.alpha.people.owner);
  budget = await makeBudget();
});
afterAll(() => api?.stop());

async function makeBudget(of: TestApp["alpha"] = api.alpha): Promise<string> {
  const id = Bun.randomUUIDv7();
  await api.sql`insert into budget.budgets (business_id, id, owner_id, name, currency, timezone, first_month)
    values (${of.id}, ${id}, ${of.people.owner.user_id}, 'Home', 'NGN', 'Africa/Lagos', '2026-01-01')`;
  return id;
}
const publish = (topic: string, payload: object, of: TestApp["alpha"] = api.alpha) =>
  api.sql`select core.publish(${of.id}, ${topic}, ${JSON.stringify(payload)}::text::jsonb)`;

/** What a frame is answered with, and how the socket ends. */
const endOf = async (...frames: (object | string | Uint8Array)[]): Promise<number> => {
  const client = await openSocket(api.url);
  for (const frame of frames) client.send(frame);
  return client.closed;
};
const auth = () => ({ type: "auth", token });
/** A token of a new session that is good for about a second. */
async function soonExpired(person: Person): Promise<string> {
  const tokens = createTokens({ secret: testSecret, ttl_s: 1, now: () => Date.now() + 500 });
  const sid = await makeSession(api.sql, person, api.alpha.id);
  return tokens.issue({ sub: person.user_id, sid, bid: api.alpha.id });
}

describe("frames", () => {
  let client: SocketClient;
  beforeAll(async () => {
    client = await openAs(api.url, token);
  });
  afterAll(() => client.close());

  test("are answered with their id, in the order in which they came", async () => {
    client.send({ id: 1, type: "ping" });
    client.send({ id: "two", type: "sub", topic: `budget:${budget}` });
    client.send({ id: 3, type: "unsub", topic: `budget:${budget}` });
    client.send({ id: 4, ...auth() });
    expect([await client.next(), await client.next(), await client.next(), await client.next()]).toEqual([
      { type: "pong", id: 1 },
      { type: "ack", id: "two", topic: `budget:${budget}`, seq: expect.any(Number), data: { reset: false } },
      { type: "ack", id: 3, topic: `budget:${budget}` },
      {
        type: "ack",
        id: 4,
        data: {
          user_id: api.alpha.people.owner.user_id,
          business_id: api.alpha.id,
          expires_at: expect.stringMatching(/Z$/),
        },
      },
    ]);
  });

  test("that are none are errors; the fifth ends the socket", async () => {
    const wrong = ["{", "[]", '{"type":"jump"}', '{"type":"ping","extra":1}'];
    const other = await openAs(api.url, token);
    for (const [index, frame] of wrong.entries()) {
      other.send(frame);
      expect(await other.next(), wrong[index]).toMatchObject({
        type: "error",
        data: { code: "invalid_frame" },
      });
    }
    other.send({ id: 7, type: "sub", topic: "x", since_seq: -1 });
    expect(await other.next()).toMatchObject({ type: "error", id: 7 });
    expect(await other.closed).toBe(1008);
  });

  test("tell what is published, to who listens and as long as they do", async () => {
    const [topic, other] = [`budget:${budget}`, `budget:${await makeBudget()}`];
    client.send({ type: "sub", topic });
    const { seq = -1 } = await client.next();
    await publish(other, { version: 1 });
    await publish(topic, { version: 2, months: null });
    const event = await client.next();
    expect(event).toEqual({
      type: "event",
      topic,
      seq: expect.any(Number),
      data: { version: 2, months: null },
    });
    expect(event.seq).toBeGreaterThan(seq);
    client.send({ type: "unsub", topic });
    await client.next();
    await publish(topic, { version: 3 });
    client.send({ type: "sub", topic: "notifications" });
    expect(await client.next()).toMatchObject({ type: "ack", topic: "notifications" });
    const { user_id } = api.alpha.people.owner;
    await api.sql`insert into core.notifications (business_id, user_id, type, title)
      values (${api.alpha.id}, ${user_id}, 'job.overdue', 'Late')`;
    expect(await client.next()).toMatchObject({
      type: "event",
      topic: "notifications",
      data: { type: "job.overdue", title: "Late" },
    });
  });
});

describe("a socket is closed", () => {
  test("with 4401: not logged in first, a bad token, another person's later, a session that has ended", async () => {
    expect(await endOf({ type: "ping" })).toBe(4401);
    expect(await endOf({ type: "auth", token: `${token}x` })).toBe(4401);
    expect(await endOf({ type: "auth", token, business_id: api.bravo.id })).toBe(4401);
    const agent = await api.token(api.alpha.people.agent);
    expect(await endOf(auth(), { type: "auth", token: agent })).toBe(4401);
    const client = await openAs(api.url, agent);
    const { user_id } = api.alpha.people.agent;
    const at = performance.now();
    await api.sql`update core.sessions set revoked_at = now(), revoke_reason = 'logout'
      where user_id = ${user_id}`;
    expect(await client.closed).toBe(4401);
    expect(performance.now() - at).toBeLessThan(1_000);
  });

  test("with 4401 when its token expires, unless it has shown another one", async () => {
    const { people } = api.alpha;
    const shortly = await soonExpired(people.clerk);
    const client = await openAs(api.url, shortly);
    const other = await openAs(api.url, shortly);
    other.send({ type: "auth", token: await api.token(people.clerk) });
    await other.next();
    expect(await client.closed).toBe(4401);
    other.send({ type: "ping" });
    expect((await other.next()).type).toBe("pong");
    other.close();
  });

  test("with 4403: an origin that may not, a topic of somebody else, of another business, or of nobody", async () => {
    for (const origin of ["https://evil.example.com", "null", "https://app.example.com.evil.example"]) {
      expect(await (await openSocket(api.url, { origin })).closed, origin).toBe(4403);
    }
    for (const origin of ["https://app.example.com", api.url]) {
      const client = await openSocket(api.url, { origin });
      client.send(auth());
      expect((await client.next()).type, origin).toBe("ack");
      client.close();
    }
    const bravos = await makeBudget(api.bravo);
    const thread = Bun.randomUUIDv7();
    await api.sql`insert into budget.chat_threads (business_id, id, user_id)
      values (${api.alpha.id}, ${thread}, ${api.alpha.people.owner.user_id})`;
    const client = await openAs(api.url, token);
    client.send({ type: "sub", topic: `chat:${thread}` });
    expect((await client.next()).type).toBe("ack");
    client.close();
    expect(
      await endOf(
        { type: "auth", token: await api.token(api.alpha.people.clerk) },
        {
          type: "sub",
          topic: `chat:${thread}`,
        },
      ),
    ).toBe(4403);
    for (const topic of [
      `budget:${bravos}`,
      `budget:${Bun.randomUUIDv7()}`,
      "budget:",
      "jobs",
      "notifications:x",
    ]) {
      expect(await endOf(auth(), { type: "sub", topic }), topic).toBe(4403);
    }
    const agent = await api.token(api.alpha.people.agent);
    expect(await endOf({ type: "auth", token: agent }, { type: "sub", topic: `budget:${budget}` })).toBe(
      4403,
    );
  });

  test("with 4408: nothing said, or pings not answered; not while they are", async () => {
    const client = await openAs(api.url, token);
    const silent = await openRawSocket(api.url);
    let last = Buffer.from("");
    silent.socket.on("data", (data: Buffer) => (last = Buffer.from(data)));
    silent.send(JSON.stringify(auth()));
    expect(await endOf()).toBe(4408);
    await silent.closed;
    expect(last.subarray(-9).toString("latin1")).toBe("\x11\x38timeout");
    client.send({ type: "ping" });
    expect((await client.next()).type).toBe("pong");
    client.close();
  });

  test("with 4429: too many frames, topics, or sockets of one member", async () => {
    expect(await endOf(auth(), ...Array.from({ length: 25 }, () => ({ type: "ping" })))).toBe(4429);
    const topics = await Promise.all(Array.from({ length: 4 }, () => makeBudget()));
    expect(await endOf(auth(), ...topics.map((id) => ({ type: "sub", topic: `budget:${id}` })))).toBe(4429);
    const manager = await api.token(api.alpha.people.manager);
    const open = await Promise.all([1, 2, 3].map(() => openAs(api.url, manager)));
    expect(await endOf({ type: "auth", token: manager })).toBe(4429);
    for (const client of open) client.close();
  });

  test("with 1009 for a frame above 16 KB, with 1003 for bytes", async () => {
    expect(await endOf(auth(), "x".repeat(16_385))).toBe(1009);
    expect(await endOf(auth(), new Uint8Array(3))).toBe(1003);
  });
});

test("a plain GET is told to upgrade", async () => {
  const answer = await fetch(`${api.url}/api/v1/ws`);
  await expectProblem(answer, "upgrade_required");
  expect(answer.headers.get("upgrade")).toBe("websocket");
});
