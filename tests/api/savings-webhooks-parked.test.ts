import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { collect, makeProduct } from "../helpers/savings.ts";
import {
  answered,
  deliver,
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

beforeAll(async () => {
  api = await startTestApp({ env: webhookEnvironment });
});
afterAll(() => api.stop());
afterEach(() => expectPlaced(api));

const notFound = "01987c3e-6b20-7d11-8c3a-5a2f9e4b7c06";
const accountOf = (savings_account_id: string) => savedIn(api, savings_account_id);
const statusOf = async (collection_id: string): Promise<string> =>
  (await api.sql`select status from savings.collections where id = ${collection_id}`)[0].status;

describe("money that cannot be placed", () => {
  const parked = (reason: string) => ({ result: "parked", reason });

  test.each([
    ["amount", { amount: 99_999 }],
    ["currency", { currency: "USD" }],
  ])(
    "because the %s differs is parked, staff are told, and the collection goes on waiting",
    async (_, differing) => {
      const { savings_account_id, collection_id, amount } = await recordPayment(api);
      expect(await tell(api, { reference: collection_id, amount, ...differing })).toMatchObject(
        parked("amount_differs"),
      );
      expect(await statusOf(collection_id)).toBe("recorded");
      const told = await api.sql`select m.role from core.notifications n
      join core.memberships m on m.user_id = n.user_id and m.business_id = n.business_id
      where n.ref_id = ${collection_id} and n.type = 'payment.parked' order by m.role`;
      expect(told.map(({ role }: { role: string }) => role)).toEqual(["owner", "admin", "manager"]);
      expect(await tell(api, { reference: collection_id, amount })).toMatchObject({ result: "confirmed" });
      expect(await accountOf(savings_account_id)).toMatchObject({ balance: amount });
    },
  );

  test("because the account is full by then is parked", async () => {
    const product_id = await makeProduct(api.sql, api.alpha, { cycle_markings: 3 });
    const { savings_account_id, collection_id, amount } = await recordPayment(api, { product_id });
    await collect(api.sql, api.alpha, [{ savings_account_id, count: 2 }]);
    expect(await tell(api, { reference: collection_id, amount })).toMatchObject(parked("account_full"));
    await collect(api.sql, api.alpha, [{ savings_account_id }]);
    expect(await tell(api, { reference: collection_id, amount })).toMatchObject(parked("account_full"));
    expect(await accountOf(savings_account_id)).toMatchObject({
      status: "completed",
      markings_paid: 3,
      balance: 150_000,
    });
  });

  test("because the account is closed by then is parked", async () => {
    const { savings_account_id, collection_id, amount } = await recordPayment(api);
    await api.sql`update savings.accounts set status = 'cancelled' where id = ${savings_account_id}`;
    expect(await tell(api, { reference: collection_id, amount })).toMatchObject(parked("account_closed"));
    expect(await accountOf(savings_account_id)).toMatchObject({ balance: 0 });
  });

  test("because the collection was reversed is parked", async () => {
    const { savings_account_id, collection_id, amount } = await recordPayment(api);
    await api.sql`update savings.collections set status = 'reversed', reversal_reason = 'Twice' where id = ${collection_id}`;
    expect(await tell(api, { reference: collection_id, amount })).toMatchObject(
      parked("collection_reversed"),
    );
    expect(await accountOf(savings_account_id)).toMatchObject({ balance: 0 });
  });

  test("because nobody knows the reference is kept, and in no books where there are several businesses", async () => {
    const nobody = { result: "unassigned", reason: "reference_unknown" };
    expect(await tell(api, { reference: notFound, amount: 1_000 })).toMatchObject(nobody);
    const { collection_id, amount } = await recordPayment(api);
    // Another provider's reference is none of this one's.
    const body = eventOf({ reference: collection_id, amount });
    const headers = { "x-signature": sign(body, webhookSecrets.other) };
    expect(await answered(deliver(api, body, { provider: "other", headers }))).toMatchObject(nobody);
    expect(await statusOf(collection_id)).toBe("recorded");
    const odd = { reference: collection_id, amount, currency: "ZZZ" };
    expect(await tell(api, odd)).toMatchObject({ result: "unassigned", reason: "currency_unknown" });
  });

  test("of a business whose own secret signs is that business's, and never another's", async () => {
    const theirs = await recordPayment(api, { business: api.bravo });
    const ours = await recordPayment(api);
    const signed = (body: string) => ({ headers: { "x-signature": sign(body, webhookSecrets.bravo) } });
    const foreign = eventOf({ reference: ours.collection_id, amount: ours.amount, currency: "USD" });
    expect(await answered(deliver(api, foreign, signed(foreign)))).toMatchObject(parked("reference_unknown"));
    expect(await statusOf(ours.collection_id)).toBe("recorded");
    const own = eventOf({ reference: theirs.collection_id, amount: theirs.amount, currency: "USD" });
    expect(await answered(deliver(api, own, signed(own)))).toMatchObject({ result: "confirmed" });
    const stray = eventOf({ reference: notFound, amount: 1 });
    const headers = { "x-signature": sign(stray, "nobody-secret-0123456789") };
    await expectProblem(deliver(api, stray, { headers }), "not_found");
  });
});
