import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { handleDueEvents } from "../../src/savings/background-jobs.ts";
import { receiveEvent } from "../../src/savings/statements.ts";
import { markingTags } from "../../src/savings/tags.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { collect, makeProduct, openSavings } from "../helpers/savings.ts";
import {
  answered,
  deliver,
  type EventOptions,
  eventOf,
  expectPlaced,
  recordPayment,
  savedIn,
  sign,
  tell,
  webhookEnvironment,
  webhookSecrets,
} from "../helpers/webhooks.ts";

let api: TestApp;
let twin: TestApp;

beforeAll(async () => {
  api = await startTestApp({ env: webhookEnvironment });
  const { database_url, alpha, bravo } = api;
  twin = await startTestApp({ env: webhookEnvironment, database_url, businesses: [alpha, bravo] });
  await api.sql`create table public.told (tag text)`;
  await api.sql`create function public.keep_told() returns trigger language plpgsql as $$
    begin insert into public.told select unnest(new.tags); return null; end $$`;
  await api.sql`create trigger keep_told after insert on core.cache_outbox for each row execute function public.keep_told()`;
});
afterAll(async () => {
  await twin.stop();
  await api.stop();
});

const notFound = "01987c3e-6b20-7d11-8c3a-5a2f9e4b7c06";
const accountOf = (savings_account_id: string) => savedIn(api, savings_account_id);
const statusOf = async (collection_id: string): Promise<string> =>
  (await api.sql`select status from savings.collections where id = ${collection_id}`)[0].status;
const eventCount = async (): Promise<number> =>
  (await api.sql`select count(*)::int as n from savings.webhook_events`)[0].n;

describe("a signature", () => {
  const body = eventOf({ reference: notFound, amount: 1 });
  const right = sign(body, webhookSecrets.acme);
  test.each([
    ["missing", {}],
    ["of something else", { "x-signature": sign(`${body} `, webhookSecrets.acme) }],
    ["of another provider's secret", { "x-signature": sign(body, webhookSecrets.other) }],
    ["truncated", { "x-signature": right.slice(0, -2) }],
    ["with more behind it", { "x-signature": `${right}00` }],
    ["empty", { "x-signature": "" }],
    ["no hexadecimal", { "x-signature": "z".repeat(128) }],
    ["under another name", { "x-paystack-signature": right }],
  ])("that is %s is refused before anything is read or kept", async (_, headers) => {
    const before = await eventCount();
    await expectProblem(deliver(api, body, { headers }), "bad_signature");
    // What is not even JSON is not told that it is not.
    await expectProblem(deliver(api, "{", { headers }), "bad_signature");
    expect(await eventCount()).toBe(before);
  });

  test("is of the bytes: a byte order mark, blanks and escapes are signed as they are", async () => {
    const { collection_id, amount } = await recordPayment(api);
    const spaced = `\uFEFF ${eventOf({ reference: collection_id, amount }).replaceAll(":", " : ")}\n`;
    const bytes = new TextEncoder().encode(spaced);
    expect(await answered(deliver(api, bytes))).toMatchObject({ result: "confirmed" });
  });

  test("may be written in capitals", async () => {
    const { collection_id, amount } = await recordPayment(api);
    const event = eventOf({ reference: collection_id, amount });
    const headers = { "x-signature": sign(event, webhookSecrets.acme).toUpperCase() };
    expect(await answered(deliver(api, event, { headers }))).toMatchObject({ result: "confirmed" });
  });

  test("of a provider that is not configured is looked at by nobody", async () => {
    await expectProblem(deliver(api, body, { provider: "nobody" }), "not_found");
    await expectProblem(deliver(api, body, { provider: "constructor" }), "not_found");
  });
});

describe("a body", () => {
  test.each([
    ["empty", "malformed_json", ""],
    ["no JSON", "malformed_json", "{"],
    ["no UTF-8", "malformed_json", new Uint8Array([0x22, 0xff, 0x22])],
    ["no event", "validation", '{"event_id":"x"}'],
  ] as const)("that is %s is refused as %s, though it is signed", async (_, code, body) => {
    await expectProblem(deliver(api, body), code);
  });

  test("has a size", async () => {
    await expectProblem(deliver(api, `"${"x".repeat(65_536)}"`), "payload_too_large");
  });
});

describe("an event", () => {
  test("confirms its collection and fills the lowest free slots, from the provider's account to the customer's", async () => {
    await api.sql`delete from public.told`;
    const { savings_account_id, collection_id, amount } = await recordPayment(api);
    expect(await accountOf(savings_account_id)).toMatchObject({
      markings_paid: 0,
      positions: null,
      balance: 0,
    });
    expect(await tell(api, { reference: collection_id, amount })).toMatchObject({
      result: "confirmed",
      reason: null,
    });
    expect(await statusOf(collection_id)).toBe("confirmed");
    expect(await accountOf(savings_account_id)).toMatchObject({
      status: "active",
      markings_paid: 2,
      collected: amount,
      positions: [1, 2],
      balance: amount,
    });
    const [{ kind, by, clearing_id }] = await api.sql`select t.kind, t.created_by as by, a.id as clearing_id
      from ledger.transactions t join ledger.entries e on e.transaction_id = t.id
      join ledger.accounts a on a.id = e.account_id and a.code = 'clearing:acme' where t.id = ${collection_id}`;
    expect([kind, by]).toEqual(["savings.collection", null]);
    const told = (await api.sql`select distinct tag from public.told`).map(({ tag }: { tag: string }) => tag);
    expect(told.toSorted()).toEqual(
      markingTags(api.alpha.id, [savings_account_id], [clearing_id]).toSorted(),
    );
    const [{ agents }] = await api.sql`select count(*)::int as agents from core.notifications n
      where n.ref_id = ${collection_id} and n.type = 'collection.confirmed'
        and n.user_id = ${api.alpha.people.agent.user_id}`;
    expect(agents).toBe(1);
  });

  test("is undone by staff alone: no agent gives back what a provider has", async () => {
    const { savings_account_id, collection_id, amount } = await recordPayment(api);
    await tell(api, { reference: collection_id, amount });
    const reverse = async (role: "agent" | "manager") =>
      api.send("POST", `/api/v1/collections/${collection_id}/reverse`, {
        token: await api.token(api.alpha.people[role]),
        body: { reason: "Paid twice" },
        headers: { "idempotency-key": crypto.randomUUID() },
      });
    await expectProblem(reverse("agent"), "remittance_closed");
    expect((await reverse("manager")).status).toBe(200);
    expect(await accountOf(savings_account_id)).toMatchObject({ markings_paid: 0, balance: 0 });
  });

  test("goes to the next free slots when those that were meant are paid meanwhile, across a cycle's border", async () => {
    const product_id = await makeProduct(api.sql, api.alpha, { cycle_markings: 3, auto_renew: true });
    const { savings_account_id, collection_id, amount } = await recordPayment(api, { product_id });
    await collect(api.sql, api.alpha, [{ savings_account_id, count: 2 }]);
    expect(await tell(api, { reference: collection_id, amount })).toMatchObject({ result: "confirmed" });
    expect(await accountOf(savings_account_id)).toMatchObject({ positions: [1, 2, 3, 4], markings_paid: 4 });
  });

  test("that comes again is answered with the first result, whatever it says now", async () => {
    const { savings_account_id, collection_id, amount } = await recordPayment(api);
    const event_id = "evt_again";
    const first = await tell(api, { event_id, reference: collection_id, amount });
    for (const app of [api, twin]) {
      expect(await tell(app, { event_id, reference: collection_id, amount })).toEqual(first);
      expect(await tell(app, { event_id, reference: notFound, amount: 1 })).toEqual(first);
    }
    expect(await accountOf(savings_account_id)).toMatchObject({ markings_paid: 2, balance: amount });
  });

  test("of another type is kept and ignored", async () => {
    const { collection_id, amount } = await recordPayment(api);
    const event: EventOptions = { type: "payment.failed", reference: collection_id, amount };
    expect(await tell(api, event)).toMatchObject({ result: "ignored", reason: null });
    expect(await statusOf(collection_id)).toBe("recorded");
    expect(await tell(api, { reference: collection_id, amount })).toMatchObject({ result: "confirmed" });
  });

  test("delivered two hundred times at once to two replicas counts once", async () => {
    const { savings_account_id, collection_id, amount } = await recordPayment(api);
    const body = eventOf({ reference: collection_id, amount });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, at) => answered(deliver(at % 2 === 0 ? api : twin, body))),
    );
    expect(new Set(answers.map(({ result }) => result))).toEqual(new Set(["confirmed"]));
    expect(await accountOf(savings_account_id)).toMatchObject({ markings_paid: 2, balance: amount });
  });

  test("of twelve that pay one collection at once confirms it once, and the others are parked", async () => {
    const { savings_account_id, collection_id, amount } = await recordPayment(api);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        tell(at % 2 === 0 ? api : twin, { reference: collection_id, amount }),
      ),
    );
    expect(answers.filter(({ result }) => result === "confirmed")).toHaveLength(1);
    expect(answers.filter(({ reason }) => reason === "already_confirmed")).toHaveLength(11);
    expect(await accountOf(savings_account_id)).toMatchObject({ markings_paid: 2, balance: amount });
  });
});

describe("a payment that was begun over HTTP", () => {
  test("is confirmed before everybody who had seen that it was not, on every replica, soon", async () => {
    const { savings_account_id } = await openSavings(api.sql, api.alpha);
    const token = await api.token(api.alpha.people.agent);
    const visit = {
      count: 1,
      method: "card",
      client_ref: crypto.randomUUID(),
      collected_at: new Date().toISOString(),
    };
    const headers = { "idempotency-key": crypto.randomUUID() };
    const path = `/api/v1/savings/${savings_account_id}/markings`;
    const made = (await (await api.send("POST", path, { token, headers, body: visit })).json()) as Record<
      string,
      string
    >;
    expect(made["checkout_url"]).toBe(
      `https://pay.example.com/${made["id"]}?amount=50000&currency=NGN&of=ALPHA`,
    );
    const seenBy = async (app: TestApp): Promise<string | undefined> => {
      const query = `/api/v1/collections?savings_account_id=${savings_account_id}`;
      const { data } = (await (await app.send("GET", query, { token })).json()) as {
        data: { status: string }[];
      };
      return data[0]?.status;
    };
    expect([await seenBy(api), await seenBy(twin)]).toEqual(["recorded", "recorded"]);
    expect(await tell(twin, { reference: made["provider_ref"] ?? "", amount: 50_000 })).toMatchObject({
      result: "confirmed",
    });
    for (const app of [api, twin]) {
      for (let tries = 0; tries < 200 && (await seenBy(app)) !== "confirmed"; tries += 1) await Bun.sleep(20);
      expect(await seenBy(app)).toBe("confirmed");
    }
  });
});

describe("Paystack", () => {
  const charge = (data: object) =>
    JSON.stringify({
      event: "charge.success",
      data: {
        id: 302_961,
        domain: "live",
        status: "success",
        currency: "NGN",
        paid_at: "2026-11-20T08:15:00.000Z",
        ...data,
      },
    });
  const send = (body: string) =>
    deliver(api, body, {
      provider: "paystack",
      headers: { "x-paystack-signature": sign(body, webhookSecrets.paystack) },
    });

  test("says it in its own words, and a charge succeeds once", async () => {
    const { savings_account_id } = await openSavings(api.sql, api.alpha);
    const [made] = await collect(api.sql, api.alpha, [
      { savings_account_id, method: "transfer", provider: "paystack" },
    ]);
    const body = charge({ reference: made?.collection_id, amount: 50_000 });
    const expected = { event_id: "charge.success:302961", result: "confirmed", reason: null };
    expect(await answered(send(body))).toEqual(expected);
    expect(await answered(send(`${body} `))).toEqual(expected);
    expect(await accountOf(savings_account_id)).toMatchObject({ markings_paid: 1, balance: 50_000 });
  });
});

describe("between receipt and effect", () => {
  const keep = (event_id: string, reference: string, amount: number) =>
    api.deps.db.write.query(receiveEvent, {
      provider: "acme",
      event_id,
      business_code: null,
      body: "{}",
      is_payment: true,
      reference,
      amount: String(amount),
      currency: "NGN",
      paid_at: null,
    });

  test("a process may die: the job does what was left, once, and leaves a request its time", async () => {
    const { savings_account_id, collection_id, amount } = await recordPayment(api);
    await keep("evt_left", collection_id, amount);
    await handleDueEvents(api.deps, 60);
    expect(await statusOf(collection_id)).toBe("recorded");
    await Promise.all([handleDueEvents(api.deps, 0), handleDueEvents(twin.deps, 0)]);
    expect(await accountOf(savings_account_id)).toMatchObject({ markings_paid: 2, balance: amount });
    expect(await tell(api, { event_id: "evt_left", reference: collection_id, amount })).toMatchObject({
      result: "confirmed",
    });
    expect(await accountOf(savings_account_id)).toMatchObject({ balance: amount });
  });

  test("the provider that sends it again finishes it, too", async () => {
    const { collection_id, amount } = await recordPayment(api);
    await keep("evt_sent_again", collection_id, amount);
    const event = { event_id: "evt_sent_again", reference: collection_id, amount };
    expect(await tell(twin, event)).toMatchObject({ result: "confirmed" });
  });

  test("what cannot be done is answered, tried again later, and holds nobody up", async () => {
    const held = await recordPayment(api);
    await api.sql`update ledger.accounts set status = 'frozen' where id = ${held.savings_account_id}`;
    const event = { event_id: "evt_held", reference: held.collection_id, amount: held.amount };
    expect(await tell(api, event)).toEqual({ event_id: "evt_held", result: "received", reason: null });
    const { collection_id, amount } = await recordPayment(api);
    await keep("evt_behind", collection_id, amount);
    expect(await handleDueEvents(api.deps, 0)).toBe(false);
    expect(await statusOf(collection_id)).toBe("confirmed");
    const [waiting] = await api.sql`select attempts, last_error, next_attempt_at > now() as is_later
      from savings.webhook_events where event_id = 'evt_held'`;
    expect(waiting).toEqual({
      attempts: 1,
      last_error: expect.stringContaining("account_not_open"),
      is_later: true,
    });
    await api.sql`update ledger.accounts set status = 'open' where id = ${held.savings_account_id}`;
    await api.sql`update savings.webhook_events set next_attempt_at = now() where event_id = 'evt_held'`;
    await handleDueEvents(api.deps, 0);
    expect(await statusOf(held.collection_id)).toBe("confirmed");
  });
});

describe("after all of it", () => {
  test("what providers owe is what was confirmed and what is parked", async () => {
    await expectPlaced(api);
  });

  test("no log line holds a secret, a signature or a body", () => {
    const text = [...api.lines, ...twin.lines].join("\n");
    for (const secret of Object.values(webhookSecrets)) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/[0-9a-f]{128}|paid_at|payment\.succeeded/i);
  });

  test("events are counted by what became of them", async () => {
    const lines = (await api.deps.metrics.render())
      .split("\n")
      .filter((line) => line.startsWith("payment_events_total"));
    expect(lines.filter((line) => !line.endsWith(" 0"))).toHaveLength(5);
  });
});
