import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { deleteOldEvents } from "../../src/core/statements.ts";
import { wholeBusiness } from "../../src/platform/cache/index.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { connect } from "../helpers/database.ts";
import { openAs, openRawSocket, type ServerFrame, type SocketClient } from "../helpers/sockets.ts";

/** Two replicas of one database, without a Redis to wake them. */
let one: TestApp;
let other: TestApp;
let token: string;

beforeAll(async () => {
  one = await startTestApp({ env: { REPLICA: "one" } });
  const shared = { database_url: one.database_url, businesses: [one.alpha, one.bravo] as const };
  other = await startTestApp({ ...shared, env: { REPLICA: "other" } });
  token = await one.token(one.alpha.people.owner);
});
afterAll(async () => {
  await other?.stop();
  await one?.stop();
});

async function makeBudget(): Promise<string> {
  const id = Bun.randomUUIDv7();
  await one.sql`insert into budget.budgets (business_id, id, owner_id, name, currency, timezone, first_month)
    values (${one.alpha.id}, ${id}, ${one.alpha.people.owner.user_id}, 'Home', 'NGN', 'Africa/Lagos', '2026-01-01')`;
  return id;
}

/** Writes to a budget from several connections at once, as its endpoints do. @returns when all have committed */
async function write(budget: string, times: number): Promise<void> {
  const { id, people } = one.alpha;
  const writers = [1, 2, 3].map(() => connect(one.database_url));
  await Promise.all(
    Array.from({ length: times }, async (_, index) => {
      const sql = writers[index % writers.length] ?? one.sql;
      await sql`select budget.touch(b, 'plan', null)
        from budget.lock_budget(${id}, ${people.owner.user_id}, ${budget}) b`;
    }),
  );
  await Promise.all(writers.map((writer) => writer.close()));
}

/** Events without a transaction of their own each: many at once. */
const insertMany = (topic: string, count: number, size = 10) =>
  one.sql`insert into core.outbox (business_id, topic, payload, transaction_id)
    select ${one.alpha.id}, ${topic}, jsonb_build_object('n', g, 'text', repeat('x', ${size})), g::text::xid8
    from generate_series(1, ${count}) g`;

const subscribe = async (client: SocketClient, topic: string, since_seq?: number): Promise<ServerFrame> => {
  client.send({ type: "sub", topic, ...(since_seq === undefined ? {} : { since_seq }) });
  return client.next();
};
const take = async (client: SocketClient, count: number): Promise<ServerFrame[]> => {
  const frames: ServerFrame[] = [];
  while (frames.length < count) frames.push(await client.next());
  return frames;
};

describe("who comes back", () => {
  test("to another replica, while others write, is told everything once and in order", async () => {
    const budget = await makeBudget();
    const topic = `budget:${budget}`;
    let client = await openAs(one.url, token);
    let { seq: last = -1 } = await subscribe(client, topic);
    const versions: unknown[] = [];
    const writing = write(budget, 60);
    for (const [visit, count] of [10, 1, 15, 34].entries()) {
      for (const { type, seq = -1, data } of await take(client, count)) {
        expect(type).toBe("event");
        expect(seq).toBeGreaterThan(last);
        last = seq;
        versions.push(data?.["version"]);
      }
      client.close();
      if (visit === 3) break;
      client = await openAs([other.url, one.url, other.url][visit] ?? one.url, token);
      expect(await subscribe(client, topic, last)).toMatchObject({ seq: last, data: { reset: false } });
    }
    await writing;
    expect(versions).toEqual(Array.from({ length: 60 }, (_, index) => index + 2));
    const late = await openAs(other.url, token);
    expect(await subscribe(late, topic, last)).toMatchObject({ seq: last, data: { reset: false } });
    await write(budget, 1);
    expect((await late.next()).data?.["version"]).toBe(62);
    late.close();
  });

  test("too late, or with more than is told again, is told to load anew, and everything from then on", async () => {
    const [many, large, old] = [await makeBudget(), await makeBudget(), await makeBudget()];
    const client = await openAs(other.url, token);
    const { seq: before = -1 } = await subscribe(client, `budget:${many}`);
    client.send({ type: "unsub", topic: `budget:${many}` });
    await client.next();
    await insertMany(`budget:${many}`, 501);
    await insertMany(`budget:${large}`, 20, 10_000);
    await one.sql`select core.stamp_events(10000)`;
    for (const topic of [`budget:${many}`, `budget:${large}`]) {
      const entry = await subscribe(client, topic, before);
      expect(entry).toMatchObject({ type: "ack", data: { reset: true } });
      expect(entry.seq).toBeGreaterThan(before);
    }
    // From another database, and from before what is kept.
    expect(await subscribe(client, `budget:${old}`, 1_000_000)).toMatchObject({ data: { reset: true } });
    expect(await subscribe(client, `budget:${old}`, before)).toMatchObject({ data: { reset: false } });
    await one.sql`update core.outbox set at = now() - interval '25 hours' where seq <= ${before + 100}`;
    await other.deps.db.write.query(deleteOldEvents, { retention_s: 86_400, limit_rows: 10_000 });
    expect(await subscribe(client, `budget:${old}`, before)).toMatchObject({ data: { reset: true } });
    expect(await subscribe(client, `budget:${old}`, before + 100)).toMatchObject({ data: { reset: false } });
    // A number that was drawn and not given leaves a gap, and nothing was missed in it.
    await one.sql`select nextval('core.outbox_seq')`;
    expect(await subscribe(client, `budget:${old}`, before + 101)).toMatchObject({ data: { reset: false } });
    await write(old, 1);
    const events = await take(client, 1);
    expect(events).toMatchObject([{ type: "event", topic: `budget:${old}`, data: { version: 2 } }]);
    client.close();
  });
});

test("who does not read is cut off before much is kept for them; others are told everything", async () => {
  const topic = `budget:${await makeBudget()}`;
  const slow = await openRawSocket(one.url);
  slow.send(JSON.stringify({ type: "auth", token }));
  slow.send(JSON.stringify({ type: "sub", topic }));
  await Bun.sleep(50);
  slow.socket.pause();
  const good = await openAs(one.url, token);
  await subscribe(good, topic);
  // More than the kernel holds for both ends.
  const burst = 4;
  for (let sent = 0; sent < 120; sent += burst) {
    await insertMany(topic, burst, 100_000);
    // What every write does: whoever waits for events looks at once.
    void one.deps.cache.invalidate([wholeBusiness(one.alpha.id)], { outbox_ids: [] });
    expect(await take(good, burst)).toMatchObject([1, 2, 3, 4].map((n) => ({ type: "event", data: { n } })));
  }
  good.close();
  const metrics = await one.deps.metrics.render();
  expect(metrics).toContain('websocket_closes_total{reason="slow"} 1');
  let read = 0;
  slow.socket.on("data", ({ length }: { length: number }) => (read += length));
  slow.socket.resume();
  await slow.closed;
  expect(read).toBeLessThan(11_000_000);
});

test("a replica that stops sends its clients elsewhere, and takes nobody any more", async () => {
  const client = await openAs(other.url, token);
  other.app.sockets.close();
  expect(await client.closed).toBe(1012);
  const headers = { upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" };
  const answer = await fetch(`${other.url}/api/v1/ws`, { headers });
  expect(answer.status).toBe(503);
});
