import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";
import { cashOf, rowOf } from "../helpers/savings-cash.ts";
import {
  type BatchAnswer,
  type Collection,
  type Desk,
  openDesk,
  visitOf,
} from "../helpers/savings-collecting.ts";

let one: TestApp;
let two: TestApp;
let desk: Desk;
let other: Desk;

beforeAll(async () => {
  one = await startTestApp();
  const { database_url, alpha, bravo } = one;
  two = await startTestApp({ database_url, businesses: [alpha, bravo] });
  desk = await openDesk(one);
  other = await openDesk(two);
});
afterAll(async () => {
  await two.stop();
  await one.stop();
});
afterEach(async () => {
  expect(await brokenBooks(one.sql, one.alpha.id)).toEqual([]);
});

const resultsOf = async (answer: Promise<Response>): Promise<BatchAnswer["results"]> =>
  (await rowOf<BatchAnswer>(answer)).results;
const statuses = (results: BatchAnswer["results"]): number[] => results.map(({ status }) => status);
const codes = (results: BatchAnswer["results"]) => results.map(({ problem }) => problem?.code ?? null);

describe("many visits in one request", () => {
  test("are judged in their order, each on what those before it left, and named by id or number", async () => {
    const { id, tracking_number } = await desk.open({ cycle_markings: 3 });
    const visit = visitOf({ count: 2 });
    const results = await resultsOf(
      desk.batch([
        { savings_account_id: id, ...visit },
        { tracking_number, ...visitOf({ count: 2 }) },
        { tracking_number, ...visit },
        { tracking_number, ...visitOf() },
        { savings_account_id: id, ...visit, count: 3 },
      ]),
    );
    expect(statuses(results)).toEqual([201, 422, 200, 201, 422]);
    expect(codes(results)).toEqual([null, "account_full", null, null, "idempotency_mismatch"]);
    expect(results.map(({ client_ref }) => client_ref)[2]).toBe(visit.client_ref);
    expect(results[1]?.problem).toMatchObject({
      remaining: 1,
      status: 422,
      instance: "/api/v1/collections/batch",
    });
    expect(results[2]?.collection).toEqual(results[0]?.collection as Collection);
    expect(results[3]?.collection?.positions).toEqual([3]);
    expect(results[4]?.problem?.errors?.[0]?.pointer).toBe("/items/4/client_ref");
    expect(await desk.account(id)).toMatchObject({ status: "completed", markings_paid: 3 });
  });

  test("a refused visit takes no slot and no room under the ceiling from those behind it", async () => {
    const agent = one.alpha.people.agent.member_id;
    const { id } = await desk.open({ cycle_markings: 3 });
    await desk.mark((await desk.open()).id);
    await desk.ceiling((await cashOf(one, agent)).cash + 200);
    try {
      const visits = [visitOf({ count: 3 }), visitOf(), visitOf({ count: 2 }), visitOf()];
      const results = await resultsOf(
        desk.batch(visits.map((visit) => ({ savings_account_id: id, ...visit }))),
      );
      expect(codes(results)).toEqual(["balance_ceiling", null, "balance_ceiling", null]);
      expect(results[3]?.collection?.positions).toEqual([2]);
      // A refused one is judged anew when it is sent again.
      await desk.ceiling(null);
      const again = await resultsOf(
        desk.batch(visits.map((visit) => ({ savings_account_id: id, ...visit }))),
      );
      expect(codes(again)).toEqual(["account_full", null, "account_full", null]);
      expect(statuses(again)).toEqual([422, 200, 422, 200]);
    } finally {
      await desk.ceiling(null);
    }
  });

  test("atomic: one refusal refuses all, names each, and leaves nothing behind", async () => {
    const { id } = await desk.open();
    const items = [visitOf(), visitOf({ count: 40 }), visitOf({ method: "card" })].map((visit) => ({
      savings_account_id: id,
      ...visit,
    }));
    const { errors } = await expectProblem(desk.batch(items, { atomic: true }), "batch_refused");
    expect(errors).toEqual([
      { pointer: "/items/1", detail: "account_full" },
      { pointer: "/items/2/method", detail: "validation" },
    ]);
    expect(await desk.account(id)).toMatchObject({ markings_paid: 0 });
    expect(statuses(await resultsOf(desk.batch(items.slice(0, 1), { atomic: true })))).toEqual([201]);
  });

  test("an account that is not seen, of another business or of nobody, is not found, whatever it is named by", async () => {
    const foreign = await (await openDesk({ ...one, alpha: one.bravo })).open();
    const hidden = await desk.open();
    const results = await resultsOf(
      desk.batch(
        [
          { savings_account_id: foreign.id, ...visitOf() },
          { tracking_number: foreign.tracking_number, ...visitOf() },
          { tracking_number: hidden.tracking_number, ...visitOf() },
          { tracking_number: "0000000001", ...visitOf() },
        ],
        { by: "sub_agent" },
      ),
    );
    expect(statuses(results)).toEqual([404, 404, 404, 404]);
  });

  test("what is no visit is refused with its place, and nobody else's is booked", async () => {
    const { id } = await desk.open();
    const { errors } = await expectProblem(
      desk.batch([
        { savings_account_id: id, ...visitOf() },
        visitOf(),
        { savings_account_id: id, ...visitOf({ count: 1, amounts: [1] }) },
      ]),
      "validation",
    );
    expect(errors?.map(({ pointer }) => pointer)).toEqual(["/items/1/savings_account_id", "/items/2/count"]);
    expect(await desk.account(id)).toMatchObject({ markings_paid: 0 });
    await expectProblem(desk.batch([]), "validation");
  });
});

describe("two replicas", () => {
  test("S12: one client_ref sent to both at once is one collection", async () => {
    const { id } = await desk.open();
    for (let round = 0; round < 5; round += 1) {
      const visit = visitOf();
      const answers = await Promise.all([desk, other, desk, other].map((at) => at.collect(id, visit)));
      expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(["200", "200", "200", "201"]);
      const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as Collection).id));
      expect(new Set(ids).size).toBe(1);
    }
    expect(await desk.account(id)).toMatchObject({ markings_paid: 5 });
  });

  test("500 visits with 20 bad ones, sent twice to both at once and shuffled, are booked once each", async () => {
    const accounts = await desk.openMany(60, { cycle_markings: 31 });
    const closed = await desk.open();
    await one.sql`update savings.accounts set status = 'closed_early' where id = ${closed.id}`;
    const before = (await cashOf(one, one.alpha.people.agent.member_id)).cash;
    const good = Array.from({ length: 480 }, (_, n) => ({
      savings_account_id: accounts[n % 60] ?? "",
      ...visitOf(),
    }));
    const bad = Array.from({ length: 20 }, (_, n) =>
      n % 3 === 0
        ? { savings_account_id: closed.id, ...visitOf() }
        : n % 3 === 1
          ? { savings_account_id: accounts[n] ?? "", ...visitOf({ count: 3_000 }) }
          : { savings_account_id: crypto.randomUUID(), ...visitOf() },
    );
    const reasons = ["account_not_open", "account_full", "not_found"];
    const items = [...good, ...bad];
    const shuffled = () => items.toSorted(() => Math.random() - 0.5);
    const answers = await Promise.all(
      [desk, other, desk, other].map((at) => resultsOf(at.batch(shuffled()))),
    );
    const made = new Map<string, Set<string>>();
    let fresh = 0;
    for (const results of answers) {
      fresh += results.filter(({ status }) => status === 201).length;
      const codeOf = new Map(results.map(({ client_ref, problem }) => [client_ref, problem?.code ?? null]));
      expect(bad.map(({ client_ref }) => codeOf.get(client_ref))).toEqual(
        bad.map((_, n) => reasons[n % 3] ?? ""),
      );
      for (const { client_ref, collection } of results)
        if (collection !== undefined)
          made.set(client_ref, (made.get(client_ref) ?? new Set()).add(collection.id));
    }
    expect([fresh, made.size]).toEqual([480, 480]);
    expect([...made.values()].every((ids) => ids.size === 1)).toBe(true);
    const [row] = await one.sql`select sum(a.collected)::int as collected, sum(a.markings_paid)::int as paid,
        (select count(*)::int from savings.markings m where m.savings_account_id = any (array_agg(a.id))) as markings,
        (select sum(b.posted)::int from ledger.account_balances b where b.id = any (array_agg(a.id))) as owed
      from savings.accounts a where a.id in ${one.sql(accounts)}`;
    expect(row).toEqual({ collected: 48_000, paid: 480, markings: 480, owed: 48_000 });
    expect((await cashOf(one, one.alpha.people.agent.member_id)).cash).toBe(before + 48_000);
    const [receipts] =
      await one.sql`select count(*)::int as collections, max(right(receipt_no, 6)::int) as last
      from savings.collections where agent_id = ${one.alpha.people.agent.member_id}`;
    expect((receipts as { last: number }).last).toBe((receipts as { collections: number }).collections);
  }, 30_000);

  test("agents collect for one account at once, and every slot is paid once", async () => {
    const { id } = await desk.open({ cycle_markings: 30 });
    const by = ["owner", "admin", "manager", "agent"] as const;
    const answers = await Promise.all(
      by.flatMap((role) =>
        [desk, other].map((at) =>
          at.batch(
            Array.from({ length: 5 }, () => ({ savings_account_id: id, ...visitOf() })),
            { by: role },
          ),
        ),
      ),
    );
    const results = (await Promise.all(answers.map((answer) => resultsOf(Promise.resolve(answer))))).flat();
    expect(results.filter(({ status }) => status === 201)).toHaveLength(30);
    expect(codes(results).filter((code) => code === "account_full")).toHaveLength(10);
    const positions = results.flatMap(({ collection }) => collection?.positions ?? []);
    expect(new Set(positions).size).toBe(30);
    expect(await desk.account(id)).toMatchObject({ status: "completed", markings_paid: 30 });
  });
});
