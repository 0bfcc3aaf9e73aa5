import { expect, test } from "bun:test";
import { businessTags, type Definition } from "../../src/platform/cache/index.ts";
import { cacheOver, HeldTime, ScriptedOrder, ScriptedServer } from "../helpers/cache.ts";

type Thing = { business_id: string; id: number };
const thingTag = businessTags("thing");
const parts = { business_id: "acme", id: 1 };
const time = new HeldTime();
const server = new ScriptedServer();
const order = new ScriptedOrder(server, time);
let loads = 0;

const define = (): Definition<Thing, string> => ({
  name: "test.thing",
  scope: "business",
  class: "bounded",
  ttl_ms: 60_000,
  tags: (p) => [thingTag(p.business_id, p.id)],
  load: () => Promise.resolve(`"answer ${(loads += 1)}"`),
});
const settle = async (): Promise<void> => {
  for (let i = 0; i < 60; i++) await Promise.resolve();
};

test("judges what Redis holds by what it has heard, and asks for versions where that does not reach back", async () => {
  await cacheOver(order, time).endpoint(define()).get(parts);
  await settle();
  // A replica that was there all the time, and one that comes after other bumps.
  const watching = new ScriptedOrder(server, time);
  await order.bump([thingTag("acme", 2)]);
  const coming = new ScriptedOrder(server, time);
  watching.hear();
  for (const [replica, commands] of [
    [watching, ["lookup"]],
    [coming, ["lookup", "lookup"]],
  ] as const) {
    const { from } = await cacheOver(replica, time).endpoint(define()).get(parts);
    expect(from).toBe("l2");
    expect(replica.commands).toEqual([...commands]);
  }
  // What was bumped in between is nobody's answer any more.
  await order.bump([thingTag("acme", 1)]);
  const late = new ScriptedOrder(server, time);
  watching.hear();
  for (const replica of [watching, late]) {
    expect((await cacheOver(replica, time).endpoint(define()).get(parts)).from).toBe("load");
    await settle();
    server.entries.clear();
  }
  expect(loads).toBe(3);
});
