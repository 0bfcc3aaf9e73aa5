import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { openAs, openSocket } from "../helpers/sockets.ts";
import { startTcpProxy, type TcpProxy } from "../helpers/tcp-proxy.ts";

/** A server that reaches its database by a way that can be cut; the other one sees to the data. */
let api: TestApp;
let other: TestApp;
let proxy: TcpProxy;

beforeAll(async () => {
  other = await startTestApp();
  proxy = await startTcpProxy(other.database_url);
  api = await startTestApp({ database_url: proxy.url, businesses: [other.alpha, other.bravo] });
});
afterAll(async () => {
  await api?.stop();
  proxy?.stop();
  await other?.stop();
});

const isUnavailable = (frame: unknown): boolean => JSON.stringify(frame).includes('"code":"unavailable"');

test("without the database a topic is unavailable and the socket stays; who is new is told to come back", async () => {
  const { owner, manager } = other.alpha.people;
  const budget = Bun.randomUUIDv7();
  await other.sql`insert into budget.budgets (business_id, id, owner_id, name, currency, timezone, first_month)
    values (${other.alpha.id}, ${budget}, ${owner.user_id}, 'Home', 'NGN', 'Africa/Lagos', '2026-01-01')`;
  const topic = `budget:${budget}`;
  const client = await openAs(api.url, await other.token(owner));
  // A session that this server has never seen, so that it must ask.
  const fresh = await other.token(manager);
  const stranger = await openSocket(api.url);
  proxy.blackHole();
  client.send({ type: "sub", topic, id: 7 });
  stranger.send({ type: "auth", token: fresh });
  expect(await client.next()).toMatchObject({ type: "error", id: 7, topic, data: { code: "unavailable" } });
  expect(await stranger.closed).toBe(1013);
  client.send({ type: "ping", id: 8 });
  expect(await client.next()).toMatchObject({ type: "pong", id: 8 });
  // The same socket, when the database is back; as it was told, it sends the frame again later.
  const deadline = performance.now() + 20_000;
  let id = 9;
  let answer: unknown;
  do {
    id += 1;
    client.send({ type: "sub", topic, id });
    answer = await client.next();
  } while (isUnavailable(answer) && performance.now() < deadline);
  expect(answer).toMatchObject({ type: "ack", id, topic });
  await other.sql`select core.publish(${other.alpha.id}, ${topic}, '{"n": 1}'::jsonb)`;
  expect(await client.next()).toMatchObject({ type: "event", topic, data: { n: 1 } });
  (await openAs(api.url, fresh)).close();
  client.close();
}, 60_000);
