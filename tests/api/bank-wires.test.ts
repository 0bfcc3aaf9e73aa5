import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { openAccount } from "../helpers/bank.ts";
import { stepUp } from "../helpers/one-time-codes.ts";
import { expectProblem } from "../helpers/problem.ts";
import {
  decide,
  type Desk,
  imbalances,
  makeBeneficiary,
  makeWire,
  moneyOf,
  openDesk,
  requestWire,
  type Wire,
} from "../helpers/wires.ts";

let api: TestApp;
/** A new account for each test: limits and money are its own. */
let desk: Desk;

beforeAll(async () => {
  api = await startTestApp();
});
afterAll(() => api.stop());
beforeEach(async () => {
  desk = await openDesk(api, 1_000_000);
});
afterEach(async () => {
  await api.sql`delete from core.settings where key like 'bank.%'`;
  expect(await imbalances(api)).toEqual([]);
});

const set = (key: string, value: unknown) =>
  api.sql`insert into core.settings (business_id, key, value)
    values (${api.alpha.id}, ${`bank.${key}`}, ${JSON.stringify(value)}::text::jsonb)`;

const get = async <T>(path: string, token = desk.token.owner): Promise<T> => {
  const response = await api.send("GET", `/api/v1/wire-transfers${path}`, { token });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
};

/** Moves a wire of `makeWire` on, which below the threshold nobody reviews. */
async function follow(wire: Wire, ...actions: string[]): Promise<Wire> {
  let moved = wire;
  for (const action of actions) {
    const by = action === "cancel" ? "owner" : action === "reject" ? "compliance" : "manager";
    const response = await decide(desk, wire.id, action, { by });
    expect(response.status).toBe(200);
    moved = (await response.json()) as Wire;
  }
  return moved;
}

describe("a wire", () => {
  test("holds amount and fee when it is made, and they leave when it is completed", async () => {
    await set("wire_fee", { base: 1_000, bps: 50, foreign: 0, cap: 100_000 });
    const wire = await makeWire(desk, { amount: 200_100 });
    expect(wire).toMatchObject({
      status: "pending_approval",
      amount: 200_100,
      fee: 2_001,
      currency: "NGN",
      target_amount: 200_100,
      fx_rate: null,
      events: [{ from_status: null, to_status: "pending_approval" }],
    });
    const held = { available: 1_000_000 - 202_101, day: 200_100, month: 200_100, wire_day: 200_100 };
    expect(await moneyOf(desk)).toEqual({ posted: 1_000_000, ...held });
    const completed = await follow(wire, "approve", "submit", "complete");
    expect(completed.events.map(({ to_status }) => to_status)).toEqual([
      "pending_approval",
      "compliance_review",
      "approved",
      "submitted",
      "completed",
    ]);
    expect(await moneyOf(desk)).toEqual({ posted: 1_000_000 - 202_101, ...held });
    const [transfer] =
      await api.sql`select status, kind, settled_at from bank.transfers where id = ${wire.id}`;
    expect(transfer).toMatchObject({ status: "posted", kind: "wire" });
    expect(await get<Wire>(`/${wire.id}`)).toEqual(completed);
  });

  test.each([
    ["cancel", "cancelled", "cancelled"],
    ["approve cancel", "cancelled", "cancelled"],
    ["reject", "rejected", "failed"],
    ["approve submit reject", "rejected", "failed"],
  ])("gives money and limits back: %s", async (actions, status, of_transfer) => {
    await set("wire_fee", { base: 1_000, bps: 0, foreign: 0, cap: 1_000 });
    const before = await moneyOf(desk);
    const wire = await follow(await makeWire(desk), ...actions.split(" "));
    expect(wire).toMatchObject({ status, rejection_reason: status === "rejected" ? "Because" : null });
    expect(await moneyOf(desk)).toEqual(before);
    const [transfer] = await api.sql`select status from bank.transfers where id = ${wire.id}`;
    expect(transfer.status).toBe(of_transfer);
  });

  test.each([
    [false, 1_000],
    [true, 0],
  ])("that comes back brings the amount and, where refund_on_return is %p, its fee", async (refund, lost) => {
    await set("wire_fee", { base: 1_000, bps: 0, foreign: 0, cap: 1_000, refund_on_return: refund });
    const before = await moneyOf(desk);
    const wire = await follow(await makeWire(desk), "approve", "submit", "complete", "return");
    expect(wire.status).toBe("returned");
    const posted = before.posted - lost;
    expect(await moneyOf(desk)).toEqual({ ...before, posted, available: posted });
    const [transfer] = await api.sql`select t.status, l.phase, l.source_id from bank.transfers t
      join ledger.transactions l on l.business_id = t.business_id and l.id = t.reversed_by_id where t.id = ${wire.id}`;
    expect(transfer).toMatchObject({ status: "reversed", phase: "single", source_id: wire.id });
  });

  test("keeps its network reference, which no other wire has", async () => {
    const [one, two] = [await makeWire(desk), await makeWire(desk)];
    await follow(one, "approve");
    await follow(two, "approve");
    const body = { network_ref: `UETR-${one.id}` };
    const sent = await decide(desk, one.id, "submit", { by: "manager", body });
    expect(await sent.json()).toMatchObject({ status: "submitted", network_ref: body.network_ref });
    await expectProblem(decide(desk, two.id, "submit", { by: "manager", body }), "already_exists");
  });

  test("is made once for a key, and answered with the same bytes again", async () => {
    const key = crypto.randomUUID();
    const [first, second] = [await requestWire(desk, { key }), await requestWire(desk, { key })];
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(await first.text());
    expect((await moneyOf(desk)).day).toBe(10_000);
    await expectProblem(requestWire(desk, { key, amount: 1 }), "idempotency_mismatch");
    const { account_id } = desk.account;
    const body = { account_id, beneficiary_id: desk.beneficiaries.plain, amount: 1, currency: "NGN" };
    const bare = api.send("POST", "/api/v1/wire-transfers", { token: desk.token.owner, body });
    await expectProblem(bare, "idempotency_key_required");
  });

  test("to a name like one that is watched for waits for a person, and says why to staff alone", async () => {
    const wire = await makeWire(desk, { to: "watched" });
    expect(wire.screening_score).toBeGreaterThanOrEqual(0.92);
    expect(wire.screening_hits).toMatchObject([{ name: "Viktor Maslov" }]);
    const approved = await follow(wire, "approve");
    expect(approved).toMatchObject({ status: "compliance_review", needs_review: true });
  });

  test("is screened again when it is approved", async () => {
    const wire = await makeWire(desk);
    expect(wire.screening_score).toBe(0);
    const [{ id }] = await api.sql`insert into bank.watchlist (business_id, name, source)
      values (${api.alpha.id}, 'Blau Maschinenbau', 'late') returning id`;
    expect(await follow(wire, "approve")).toMatchObject({ status: "compliance_review", screening_score: 1 });
    await api.sql`delete from bank.watchlist where id = ${id}`;
  });

  test("in another currency is bought at the rate, and each currency balances by itself", async () => {
    await set("fx_rates", { USD: "1550.25", JPY: "10.105" });
    await set("wire_fee", { base: 100, bps: 0, foreign: 400, cap: 10_000 });
    const wire = await makeWire(desk, { amount: 200, currency: "USD" });
    const price = { amount: 310_050, fee: 500, currency: "NGN", target_amount: 200, fx_rate: "1550.25" };
    expect(wire).toMatchObject(price);
    expect(await imbalances(api)).toEqual([]);
    await follow(wire, "approve", "submit", "complete");
    expect(await imbalances(api)).toEqual([]);
    expect(await moneyOf(desk)).toMatchObject({ posted: 1_000_000 - 310_550, day: 310_050 });
    await follow(wire, "return");
    expect(await moneyOf(desk)).toMatchObject({ posted: 1_000_000 - 500, day: 0 });
    const yen = await makeWire(desk, { amount: 1, currency: "JPY" });
    expect(yen).toMatchObject({ amount: 1_011, fee: 500 });
    await follow(yen, "cancel");
  });
});

describe("a wire from an account in another currency", () => {
  test("is priced in it, fee and rate too", async () => {
    await set("fx_rates", { USD: "1500" });
    await set("wire_fee", { base: 30_000, bps: 0, foreign: 15_000, cap: 100_000 });
    const { customer_id } = desk.account;
    const account = await openAccount(api.sql, api.alpha, { customer_id, currency: "USD", balance: 200_000 });
    const dollars = { ...desk, account };
    const at_home = await makeWire(dollars, { amount: 200, currency: "USD" });
    expect(at_home).toMatchObject({ amount: 200, fee: 30, currency: "USD", fx_rate: null });
    const away = await makeWire(dollars, { amount: 150_000_000 });
    expect(away).toMatchObject({ amount: 100_000, fee: 20, currency: "USD", fx_rate: "0.00066667" });
  });
});

describe("a wire is refused", () => {
  test("where the account or the beneficiary is not there, or not the customer's", async () => {
    const other = await openDesk(api, 100);
    const mixed = { ...desk, beneficiaries: other.beneficiaries };
    const problem = await expectProblem(requestWire(mixed), "reference_not_found");
    expect(problem.errors?.[0]?.pointer).toBe("/beneficiary_id");
    const foreign = { ...desk, account: await openAccount(api.sql, api.bravo) };
    const second = await expectProblem(requestWire(foreign), "reference_not_found");
    expect(second.errors?.[0]?.pointer).toBe("/account_id");
    await expectProblem(requestWire(desk, { by: "customer" }), "reference_not_found");
  });

  test("to a customer below KYC level 2, or whose approval has expired", async () => {
    const { customer_id } = desk.account;
    for (const change of ["level = 1", "expires_on = current_date - 3", "status = 'expired', level = 0"]) {
      await api.sql.unsafe(
        `update bank.kyc_profiles set level = 2, status = 'approved', expires_on = '2099-12-31' where customer_id = $1`,
        [customer_id],
      );
      await api.sql.unsafe(`update bank.kyc_profiles set ${change} where customer_id = $1`, [customer_id]);
      await expectProblem(requestWire(desk), "kyc_required");
    }
  });

  test("beyond what is available, the fee included", async () => {
    await set("wire_fee", { base: 1, bps: 0, foreign: 0, cap: 1 });
    await expectProblem(requestWire(desk, { amount: 1_000_000 }), "insufficient_funds");
    await makeWire(desk, { amount: 999_999 });
    await expectProblem(requestWire(desk, { amount: 1 }), "insufficient_funds");
  });

  test("from an account that is frozen", async () => {
    const { account_id } = desk.account;
    await api.sql`select bank.move_account(${api.alpha.id}, ${account_id}, '{active}', 'frozen', 'Lost')`;
    await expectProblem(requestWire(desk), "account_not_open");
  });

  test.each([
    ["wire_single_limit", "wire_single", 30_000, 0],
    ["wire_daily_limit", "wire_day", 30_000, 20_000],
  ])("beyond %s", async (key, window, limit, used) => {
    await set(key, limit);
    await makeWire(desk, { amount: 20_000 });
    const amount = key === "wire_single_limit" ? 30_001 : 10_001;
    expect(await expectProblem(requestWire(desk, { amount }), "limit_exceeded")).toMatchObject({
      window,
      limit,
      used,
    });
    await makeWire(desk, { amount: amount - 1 });
  });

  test.each(["day", "month"])(
    "beyond the account's limit of a %s, which the fee does not count in",
    async (window) => {
      await set("wire_fee", { base: 5_000, bps: 0, foreign: 0, cap: 5_000 });
      const [daily, monthly] = window === "day" ? [100, 1_000] : [100, 100];
      await api.sql`update bank.accounts set daily_limit = ${daily}, monthly_limit = ${monthly} where id = ${desk.account.account_id}`;
      await makeWire(desk, { amount: 60 });
      const over = await expectProblem(requestWire(desk, { amount: 50 }), "limit_exceeded");
      expect(over).toMatchObject({ window: "day", limit: 100, used: 60 });
      await makeWire(desk, { amount: 40 });
      if (window === "day") return;
      await api.sql`update ledger.balances set day_used = 0 where account_id = ${desk.account.account_id}`;
      const month = await expectProblem(requestWire(desk, { amount: 1 }), "limit_exceeded");
      expect(month).toMatchObject({ window: "month", limit: 100, used: 100 });
    },
  );

  test("at the threshold without a fresh one-time code, and then waits for a review", async () => {
    await set("verification_threshold", 50_000);
    const below = await makeWire(desk, { amount: 49_999 });
    expect(below.needs_review).toBe(false);
    const refused = await requestWire(desk, { amount: 50_000 });
    expect(refused.headers.get("www-authenticate")).toContain("insufficient_user_authentication");
    await expectProblem(refused, "step_up_required");
    const token = await api.token(api.alpha.people.owner);
    await stepUp(api, token);
    const stepped = { ...desk, token: { ...desk.token, owner: token } };
    const wire = await makeWire(stepped, { amount: 50_000 });
    expect(await follow(wire, "approve")).toMatchObject({ status: "compliance_review", needs_review: true });
    await api.sql`update core.sessions set step_up_at = step_up_at - interval '5 minutes' where step_up_at is not null`;
    await expectProblem(requestWire(stepped, { amount: 50_000 }), "step_up_required");
  });

  test("in a currency without a rate, and for nothing at all", async () => {
    await expectProblem(requestWire(desk, { currency: "USD" }), "no_fx_rate");
    await expectProblem(requestWire(desk, { currency: "ZZZ" }), "no_fx_rate");
    await set("fx_rates", { JPY: "0.0001", USD: "900000000" });
    const nothing = await expectProblem(requestWire(desk, { amount: 1, currency: "JPY" }), "validation");
    expect(nothing.errors?.[0]?.pointer).toBe("/amount");
    await expectProblem(requestWire(desk, { amount: 100_000_000, currency: "USD" }), "validation");
    for (const amount of [0, -1, 1.5, 2 ** 53])
      await expectProblem(requestWire(desk, { amount }), "validation");
  });
});

describe("what is told of wires", () => {
  test("a quote is what the wire then costs, with what its limits leave", async () => {
    await set("wire_fee", { base: 100, bps: 10, foreign: 0, cap: 10_000 });
    await set("verification_threshold", 70_000);
    await set("wire_daily_limit", 90_000);
    await makeWire(desk, { amount: 20_000 });
    const { account_id } = desk.account;
    const quote = await get<Record<string, unknown>>(
      `/quote?account_id=${account_id}&amount=60000&currency=NGN`,
    );
    expect(quote).toMatchObject({
      amount: 60_000,
      fee: 160,
      total: 60_160,
      fx_rate: null,
      needs_step_up: false,
    });
    expect(quote["limits"]).toMatchObject({
      wire_single: null,
      wire_day: { limit: 90_000, used: 20_000, remaining: 70_000 },
      day: { used: 20_000 },
    });
    expect(await makeWire(desk, { amount: 60_000 })).toMatchObject({ amount: 60_000, fee: 160 });
    const more = await get(`/quote?account_id=${account_id}&amount=70000&currency=NGN`);
    expect(more).toMatchObject({ needs_step_up: true });
    const path = `/api/v1/wire-transfers/quote?amount=1&currency=NGN&account_id=`;
    const token = desk.token.owner;
    await expectProblem(api.send("GET", path + crypto.randomUUID(), { token }), "not_found");
    await expectProblem(api.send("GET", path + account_id, { token: desk.token.customer }), "not_found");
    await expectProblem(api.send("GET", path.replace("NGN", "USD") + account_id, { token }), "no_fx_rate");
  });

  test("a customer makes, sees and cancels their own wires, and is not told how names are screened", async () => {
    const { people } = api.alpha;
    await api.sql`update core.customers set user_id = ${people.customer.user_id} where id = ${desk.account.customer_id}`;
    const wire = await makeWire(desk, { by: "customer", to: "watched" });
    const hidden = { screening_score: null, screening_hits: null, needs_review: null };
    expect(wire).toMatchObject(hidden);
    await follow(wire, "approve");
    await decide(desk, wire.id, "hold", { by: "compliance", body: { reason: "He is on a list" } });
    const seen = await get<Wire>(`/${wire.id}`, desk.token.customer);
    expect(seen).toMatchObject({ status: "on_hold", ...hidden });
    expect(seen.events.map(({ note }) => note)).toEqual([null, null, null]);
    const staff = await makeWire(desk);
    const list = await get<{ data: Wire[] }>("", desk.token.customer);
    expect(list.data.map(({ id }) => id)).toEqual([staff.id, wire.id]);
    expect(list.data[1]).toMatchObject(hidden);
    // Not the creator: who made it takes it back.
    await expectProblem(decide(desk, staff.id, "cancel", { by: "customer" }), "forbidden");
    const own = await makeWire(desk, { by: "customer" });
    expect((await decide(desk, own.id, "cancel", { by: "customer" })).status).toBe(200);
    await api.sql`update core.customers set user_id = null where id = ${desk.account.customer_id}`;
  });

  test("queues are lists by status, oldest or newest first, page by page", async () => {
    const { customer_id } = desk.account;
    const wires = [await makeWire(desk), await makeWire(desk), await makeWire(desk)];
    await follow(wires[1] as Wire, "approve");
    const idsOf = async (query: string): Promise<string[]> =>
      (await get<{ data: Wire[] }>(`?customer_id=${customer_id}&${query}`)).data.map(({ id }) => id);
    const ids = wires.map(({ id }) => id);
    expect(await idsOf("sort=created_at")).toEqual(ids);
    expect(await idsOf("status=pending_approval,approved")).toEqual(ids.toReversed());
    expect(await idsOf("status=approved")).toEqual([ids[1] ?? ""]);
    const first = await get<{ meta: { next_cursor: string } }>(`?customer_id=${customer_id}&limit=2`);
    expect(await idsOf(`limit=2&cursor=${first.meta.next_cursor}`)).toEqual([ids[0] ?? ""]);
  });

  test("figures of the month follow every wire, and limits what is left of them", async () => {
    const { account_id, customer_id } = desk.account;
    const statsOf = () => get<Record<string, unknown>>(`/stats?customer_id=${customer_id}`);
    expect(await statsOf()).toMatchObject({ by_status: [], limits: [{ account_id, wire_day_used: 0 }] });
    await set("wire_fee", { base: 7, bps: 0, foreign: 0, cap: 7 });
    await makeWire(desk, { amount: 1_000 });
    const wire = await makeWire(desk, { amount: 2_000 });
    const counted = (status: string, amount: number, fees: number, count = 1) => ({
      status,
      currency: "NGN",
      count,
      amount,
      fees,
    });
    const before = await statsOf();
    expect(before["by_status"]).toEqual([counted("pending_approval", 3_000, 14, 2)]);
    expect(before["limits"]).toMatchObject([
      { day: { used: 3_000 }, month: { used: 3_000 }, wire_day_used: 3_000 },
    ]);
    await follow(wire, "cancel");
    const after = await statsOf();
    expect(after["by_status"]).toEqual([
      counted("pending_approval", 1_000, 7),
      counted("cancelled", 2_000, 7),
    ]);
    expect(after["limits"]).toMatchObject([{ day: { used: 1_000 }, wire_day_used: 1_000 }]);
    expect(await get("/stats")).toMatchObject({ limits: [] });
    const foreign = await get("/stats", desk.token.customer);
    expect(foreign).toMatchObject({ by_status: [], limits: [] });
  });

  test("a wire to a beneficiary that was removed since goes on with what it was made with", async () => {
    const beneficiary_id = await makeBeneficiary(api, desk.account.customer_id, "Rot GmbH");
    const removed = { ...desk, beneficiaries: { ...desk.beneficiaries, plain: beneficiary_id } };
    const wire = await makeWire(removed);
    await api.sql`update bank.beneficiaries set deleted_at = now(), name = 'Gone' where id = ${beneficiary_id}`;
    expect(await follow(wire, "approve")).toMatchObject({
      status: "approved",
      beneficiary: { name: "Rot GmbH" },
    });
    await expectProblem(requestWire(removed), "reference_not_found");
  });
});
