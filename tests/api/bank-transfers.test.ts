import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer, openAccount, type TestAccount } from "../helpers/bank.ts";
import { expectProblem } from "../helpers/problem.ts";
import { until } from "../helpers/replicas.ts";
import { brokenBooks } from "../helpers/ledger.ts";

let api: TestApp;
let clerk: string;
let manager: string;
let person: string;
/** Of the person who is logged in as a customer, of another customer, and of the other business. */
let own: TestAccount;
let other: TestAccount;
let foreign: TestAccount;

beforeAll(async () => {
  api = await startTestApp();
  const { alpha, bravo, sql } = api;
  [clerk, manager, person] = await Promise.all([
    api.token(alpha.people.clerk),
    api.token(alpha.people.manager),
    api.token(alpha.people.customer),
  ]);
  const mine = await makeCustomer(sql, alpha, { user_id: alpha.people.customer.user_id });
  const theirs = await makeCustomer(sql, alpha);
  own = await openAccount(sql, alpha, { customer_id: mine, balance: 10_000 });
  other = await openAccount(sql, alpha, { customer_id: theirs, balance: 10_000 });
  foreign = await openAccount(sql, bravo, { customer_id: await makeCustomer(sql, bravo), balance: 10_000 });
});
afterAll(() => api.stop());

type Transfer = { id: string; status: string; version: number; amount: number; reference: string };
const key = () => ({ "idempotency-key": crypto.randomUUID() });
const post = (path: string, body: unknown, token = clerk, headers: Record<string, string> = key()) =>
  api.send("POST", `/api/v1${path}`, { token, body, headers });
const between = (from: TestAccount, to: TestAccount, amount: number, currency = "NGN") => ({
  from_account_id: from.account_id,
  to_account_id: to.account_id,
  amount,
  currency,
});

async function available({ account_id }: TestAccount): Promise<number> {
  const [row] = await api.sql`select available::int from ledger.account_balances where id = ${account_id}`;
  return (row as { available: number }).available;
}

/** An account of its own, so that tests do not disturb each other. */
async function account(balance: number, limits?: { daily_limit: number; monthly_limit: number }) {
  const made = await openAccount(api.sql, api.alpha, { balance });
  if (limits !== undefined) {
    await api.sql`update bank.accounts set ${api.sql(limits)} where id = ${made.account_id}`;
  }
  return made;
}

describe("moving money", () => {
  test("a deposit, a withdrawal and a transfer are in the balances when they are answered", async () => {
    const [from, to] = [await account(0), await account(0)];
    const deposit = await post("/deposits", {
      account_id: from.account_id,
      amount: 900,
      currency: "NGN",
      reference: "T-1",
    });
    expect(deposit.status).toBe(201);
    expect(await deposit.json()).toMatchObject({
      kind: "deposit",
      status: "posted",
      from_account_id: null,
      to_account_id: from.account_id,
      amount: 900,
      reference: "T-1",
    });
    expect(
      (await post("/withdrawals", { account_id: from.account_id, amount: 200, currency: "NGN" })).status,
    ).toBe(201);
    const moved = await post("/transfers", { ...between(from, to, 300), memo: "rent", category: "home" });
    const transfer = (await moved.json()) as Transfer;
    expect(moved.headers.get("location")).toBe(`/api/v1/transfers/${transfer.id}`);
    expect(transfer.reference).toBe(transfer.id);
    expect([await available(from), await available(to)]).toEqual([400, 300]);
    // what the trigger of the table would tell: all but stamps and version
    const [audited] = await api.sql`select a.actor_user_id, a.action,
        a.after::text = (to_jsonb(t) - '{created_at,created_by,updated_at,updated_by,version}'::text[])::text as is_whole
      from core.audit_log a join bank.transfers t on t.id = a.entity_id where a.entity_id = ${transfer.id}`;
    expect(audited).toEqual({
      actor_user_id: api.alpha.people.clerk.user_id,
      action: "transfer.created",
      is_whole: true,
    });
  });

  test("vector L14: 1 000 in and out leaves nothing; 500 cannot pay 1 000", async () => {
    const it = await account(0);
    const move = (path: string, amount: number) =>
      post(path, { account_id: it.account_id, amount, currency: "NGN" });
    expect([(await move("/deposits", 1_000)).status, (await move("/withdrawals", 1_000)).status]).toEqual([
      201, 201,
    ]);
    await move("/deposits", 500);
    await expectProblem(await move("/withdrawals", 1_000), "insufficient_funds");
    expect(await available(it)).toBe(500);
  });

  test("limits count what goes out, the first of a window included, and say what was used", async () => {
    const it = await account(1_000, { daily_limit: 100, monthly_limit: 100 });
    const out = (amount: number) =>
      post("/withdrawals", { account_id: it.account_id, amount, currency: "NGN" });
    await expectProblem(await out(101), "limit_exceeded");
    expect((await out(60)).status).toBe(201);
    const refused = await expectProblem(await out(50), "limit_exceeded");
    expect(refused).toMatchObject({ window: "day", limit: 100, used: 60 });
    expect((await out(40)).status).toBe(201);
    expect(
      (await post("/deposits", { account_id: it.account_id, amount: 5_000, currency: "NGN" })).status,
    ).toBe(201);
  });

  test("a dormant account is active again when money moves; a frozen one refuses", async () => {
    const it = await account(100);
    await api.sql`update bank.accounts set status = 'dormant' where id = ${it.account_id}`;
    const shown = async () => {
      const answer = await api.send("GET", `/api/v1/accounts/${it.account_id}`, { token: manager });
      return ((await answer.json()) as { status: string }).status;
    };
    expect(await shown()).toBe("dormant");
    expect((await post("/transfers", between(it, other, 10))).status).toBe(201);
    const [row] = await api.sql`select status from bank.accounts where id = ${it.account_id}`;
    expect(row).toEqual({ status: "active" });
    await until("the account shows it", async () => (await shown()) === "active");
    await api.sql`update bank.accounts set status = 'frozen', frozen_reason = 'x' where id = ${it.account_id}`;
    await api.sql`update ledger.accounts set status = 'frozen' where id = ${it.account_id}`;
    await expectProblem(await post("/transfers", between(it, other, 10)), "account_not_open");
    await expectProblem(await post("/transfers", between(other, it, 10)), "account_not_open");
  });

  test.each([
    ["to itself", () => between(other, other, 5), "same_account"],
    ["in another currency", () => between(own, other, 5, "USD"), "currency_mismatch"],
    ["to another business", () => between(other, foreign, 5), "reference_not_found"],
    ["from another business", () => between(foreign, other, 5), "reference_not_found"],
    ["of nothing", () => between(own, other, 0), "validation"],
    ["of a part of a unit", () => between(own, other, 1.5), "validation"],
    ["of more than JSON can say", () => between(own, other, 2 ** 53), "validation"],
    ["with an unknown member", () => ({ ...between(own, other, 5), fee: 0 }), "validation"],
  ] as const)("a transfer %s is refused", async (_what, body, code) => {
    const before = [await available(own), await available(other)];
    await expectProblem(await post("/transfers", body()), code);
    expect([await available(own), await available(other)]).toEqual(before);
  });

  test("a reference is used once in a business", async () => {
    const body = { account_id: other.account_id, amount: 5, currency: "NGN", reference: "ONCE" };
    expect((await post("/deposits", body)).status).toBe(201);
    await expectProblem(await post("/deposits", body), "reference_exists");
  });

  test("customers move their own money only, and see what touches it", async () => {
    const mine = (await (await post("/transfers", between(own, other, 7), person)).json()) as Transfer;
    await expectProblem(await post("/transfers", between(other, own, 7), person), "reference_not_found");
    const theirs = (await (await post("/transfers", between(other, await account(0), 7))).json()) as Transfer;
    const read = (id: string) => api.send("GET", `/api/v1/transfers/${id}`, { token: person });
    expect((await read(mine.id)).status).toBe(200);
    await expectProblem(await read(theirs.id), "not_found");
    const page = await api.send("GET", "/api/v1/transfers", { token: person });
    const { data } = (await page.json()) as { data: Transfer[] };
    expect(data.map(({ id }) => id)).toContain(mine.id);
    expect(data.map(({ id }) => id)).not.toContain(theirs.id);
  });
});

describe("keys", () => {
  test("a key is answered with the same bytes, and moves money once; a refusal is kept as well", async () => {
    const [it, headers] = [await account(100), key()];
    const first = await post("/transfers", between(it, other, 60), clerk, headers);
    const again = await post("/transfers", between(it, other, 60), clerk, headers);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await again.text()).toBe(await first.text());
    expect(await available(it)).toBe(40);
    await expectProblem(
      await post("/transfers", between(it, other, 61), clerk, headers),
      "idempotency_mismatch",
    );

    const poor = key();
    const refused = await post("/transfers", between(it, other, 60), clerk, poor);
    await post("/deposits", { account_id: it.account_id, amount: 100, currency: "NGN" });
    const replayed = await post("/transfers", between(it, other, 60), clerk, poor);
    expect(replayed.status).toBe(422);
    expect(await replayed.text()).toBe(await refused.text());
    expect(await available(it)).toBe(140);
    await expectProblem(
      await post("/transfers", between(it, other, 1), clerk, {}),
      "idempotency_key_required",
    );
  });

  test("one key, two hundred requests at once: one effect, one answer", async () => {
    const [it, headers] = [await account(1_000), key()];
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => post("/transfers", between(it, other, 1), clerk, headers)),
    );
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(bodies).size).toBe(1);
    expect(answers.filter(({ headers: { has } }) => has === undefined)).toEqual([]);
    expect(await available(it)).toBe(999);
  });

  test("of a thousand withdrawals at once exactly those succeed that the balance pays", async () => {
    const it = await account(30_050);
    const body = JSON.stringify({ account_id: it.account_id, amount: 100, currency: "NGN" });
    // Not held to the document, which the other tests do: what matters is that they are there at once.
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, () =>
        fetch(`${api.url}/api/v1/withdrawals`, {
          method: "POST",
          headers: { authorization: `Bearer ${clerk}`, "content-type": "application/json", ...key() },
          body,
        }),
      ),
    );
    const counts = Map.groupBy(answers, ({ status }) => status);
    expect([counts.get(201)?.length, counts.get(422)?.length]).toEqual([300, 700]);
    expect(await available(it)).toBe(50);
  });
});

describe("many at once", () => {
  const batch = (atomic: boolean, items: unknown[], headers = key()) =>
    post("/transfers/batch", { atomic, items }, clerk, headers);

  test("each item by itself: the answer says of each what became of it, and a replay says it again", async () => {
    const [from, to, headers] = [await account(100), await account(0), key()];
    const items = [
      between(from, to, 60),
      between(from, to, 60),
      between(to, from, 10),
      between(from, foreign, 1),
    ];
    const answer = await batch(false, items, headers);
    const text = await answer.text();
    const body = JSON.parse(text) as {
      posted: number;
      data: { status: number; problem?: { code: string } }[];
    };
    expect(body.data.map(({ status, problem }) => problem?.code ?? status)).toEqual([
      201,
      "insufficient_funds",
      201,
      "reference_not_found",
    ]);
    expect(body.posted).toBe(2);
    expect(await (await batch(false, items, headers)).text()).toBe(text);
    expect([await available(from), await available(to)]).toEqual([50, 50]);
  });

  test("all or nothing: one refusal undoes all", async () => {
    const [from, to] = [await account(100), await account(0)];
    const refused = await expectProblem(
      await batch(true, [between(from, to, 60), between(from, to, 60)]),
      "batch_refused",
    );
    expect(refused.errors).toEqual([{ pointer: "/items/1", detail: "insufficient_funds" }]);
    expect([await available(from), await available(to)]).toEqual([100, 0]);
    expect((await batch(true, [between(from, to, 60), between(to, from, 60)])).status).toBe(200);
  });
});

describe("afterwards", () => {
  test("a transfer is reversed once, by staff, and gives its limit back", async () => {
    const [from, to] = [await account(1_000, { daily_limit: 100, monthly_limit: 100 }), await account(0)];
    const { id } = (await (await post("/transfers", between(from, to, 100))).json()) as Transfer;
    const reverse = (token = manager) => post(`/transfers/${id}/reverse`, { reason: "Paid twice" }, token);
    await expectProblem(await reverse(clerk), "forbidden");
    const reversed = await reverse();
    expect(reversed.status).toBe(201);
    expect(await reversed.json()).toMatchObject({ status: "reversed", version: 2 });
    await expectProblem(await reverse(), "already_reversed");
    expect([await available(from), await available(to)]).toEqual([1_000, 0]);
    expect((await post("/transfers", between(from, to, 100))).status).toBe(201);
  });

  test("one key for two reversals is a mismatch, and money that has gone on cannot come back", async () => {
    const [from, to] = [await account(50), await account(0)];
    const { id } = (await (await post("/transfers", between(from, to, 50))).json()) as Transfer;
    await post("/transfers", between(to, other, 50));
    const headers = key();
    const reverse = (which: string) => post(`/transfers/${which}/reverse`, { reason: "x" }, manager, headers);
    await expectProblem(await reverse(id), "insufficient_funds");
    const back = (await (await post("/transfers", between(other, to, 50))).json()) as Transfer;
    expect((await reverse(id)).status).toBe(201);
    await expectProblem(await reverse(back.id), "idempotency_mismatch");
  });

  test("memo and category are filed, with the version that was read", async () => {
    const { id } = (await (await post("/transfers", between(own, other, 3))).json()) as Transfer;
    const patch = (body: unknown, match: string | null, token = manager) =>
      api.send("PATCH", `/api/v1/transfers/${id}`, {
        token,
        body,
        headers: match === null ? {} : { "if-match": match },
      });
    await expectProblem(await patch({ memo: "x" }, null), "precondition_required");
    const filed = await patch({ memo: "lunch", category: "food" }, '"1"');
    expect(await filed.json()).toMatchObject({ memo: "lunch", category: "food", version: 2, amount: 3 });
    await expectProblem(await patch({ memo: null }, '"1"'), "precondition_failed");
    expect((await patch({ memo: null }, '"2"', person)).status).toBe(200);
  });
});

describe("the list", () => {
  test("pages by keyset, newest first, without gaps or repeats, of one account and of all", async () => {
    const [from, to] = [await account(1_000), await account(0)];
    const items = Array.from({ length: 7 }, (_, index) =>
      between(index % 2 === 0 ? from : to, index % 2 === 0 ? to : from, 10 + index),
    );
    await post("/transfers/batch", { atomic: true, items: [between(from, to, 100), ...items] });
    const amounts: number[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const answer = await api.send("GET", `/api/v1/transfers?account_id=${to.account_id}&limit=3${query}`, {
        token: manager,
      });
      const page = (await answer.json()) as { data: Transfer[]; meta: { next_cursor: string | null } };
      amounts.push(...page.data.map(({ amount }) => amount));
      cursor = page.meta.next_cursor;
    } while (cursor !== null);
    expect(amounts).toEqual([16, 15, 14, 13, 12, 11, 10, 100]);
  });

  test("filters by kind, status, amount, day, category and text", async () => {
    const it = await account(1_000);
    await post("/transfers", { ...between(it, other, 111), memo: "Tuition fee", category: "school" });
    await post("/withdrawals", {
      account_id: it.account_id,
      amount: 222,
      currency: "NGN",
      reference: "ATM-9",
    });
    const find = async (query: string) => {
      const answer = await api.send("GET", `/api/v1/transfers?account_id=${it.account_id}&${query}`, {
        token: manager,
      });
      expect(answer.status).toBe(200);
      return ((await answer.json()) as { data: Transfer[] }).data
        .map(({ amount }) => amount)
        .toSorted((one, two) => one - two);
    };
    const [today] = await api.sql`select core.business_today(${api.alpha.id})::text as day`;
    const { day } = today as { day: string };
    expect(await find("kind=withdrawal")).toEqual([222]);
    expect(await find("status=posted,reversed")).toEqual([111, 222]);
    expect(await find("status=failed")).toEqual([]);
    expect(await find("min=112&max=222")).toEqual([222]);
    expect(await find("category=school")).toEqual([111]);
    expect(await find("q=tuition")).toEqual([111]);
    expect(await find("q=ATM")).toEqual([222]);
    expect(await find(`from=${day}&to=${day}`)).toEqual([111, 222]);
    expect(await find("to=2020-01-01")).toEqual([]);
  });
});

test("the books hold after all of it", async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});
