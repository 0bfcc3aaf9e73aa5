import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { read } from "../helpers/answers.ts";
import { startTestApp } from "../helpers/app.ts";
import { openAccount, type TestAccount } from "../helpers/bank.ts";
import { connect } from "../helpers/database.ts";
import { expectProblem } from "../helpers/problem.ts";
import { until } from "../helpers/replicas.ts";
import { decide, type Desk, makeWire, moneyOf, openDesk } from "../helpers/wires.ts";

let desk: Desk;
let other: TestAccount;

beforeAll(async () => {
  const api = await startTestApp();
  desk = await openDesk(api);
  const { sql, alpha } = api;
  const user_id = alpha.people.customer.user_id;
  await sql`update core.customers set user_id = ${user_id} where id = ${desk.account.customer_id}`;
  other = await openAccount(sql, alpha, { balance: 10_000 });
});
afterAll(() => desk.api.stop());

const key = () => ({ "idempotency-key": crypto.randomUUID() });
const post = (path: string, body: unknown, token = desk.token.manager, headers = key()) =>
  desk.api.send("POST", `/api/v1${path}`, { token, body, headers });
const between = (from: TestAccount, to: TestAccount, amount: number) => ({
  from_account_id: from.account_id,
  to_account_id: to.account_id,
  amount,
  currency: "NGN",
});
const atCounter = ({ account_id }: TestAccount, amount: number) => ({ account_id, amount, currency: "NGN" });
type Made = { id: string };

describe("what the cache is told", () => {
  test("money that wakes an account is seen in the account as well", async () => {
    const { api, token } = desk;
    const { account_id } = await openAccount(api.sql, api.alpha, {});
    await api.sql`select bank.move_account(${api.alpha.id}, ${account_id}, '{active}', 'dormant')`;
    const status = async () => {
      const answer = api.send("GET", `/api/v1/accounts/${account_id}`, { token: token.manager });
      return (await read<{ status: string }>(answer)).status;
    };
    await until("it is cached as dormant", async () => (await status()) === "dormant");
    // The relay of this server deletes what it has told.
    await api.sql`create table public.told (tag text)`;
    await api.sql`create function public.keep_told() returns trigger language plpgsql as $$
      begin insert into public.told select unnest(new.tags); return null; end $$`;
    await api.sql`create trigger keep_told after insert on core.cache_outbox for each row
      execute function public.keep_told()`;
    expect((await post("/deposits", atCounter({ account_id, customer_id: "" }, 5))).status).toBe(201);
    const rows: { tag: string }[] = await api.sql`select tag from public.told`;
    expect(rows.map(({ tag }) => tag)).toContain(`b:${api.alpha.id}|bank_accounts`);
    await until("it is active", async () => (await status()) === "active");
  });

  test.each(["/deposits", "/ledger/accounts"])(
    "a replay of %s tells it again: whoever wrote first may have died before",
    async (path) => {
      const body =
        path === "/deposits" ? atCounter(other, 5) : { code: "test:replay", kind: "asset", currency: "NGN" };
      const headers = key();
      expect((await post(path, body, desk.token.manager, headers)).status).toBe(201);
      const spy = spyOn(desk.api.deps.cache, "invalidate");
      const replayed = await post(path, body, desk.token.manager, headers);
      expect(replayed.headers.get("idempotency-replayed")).toBe("true");
      const tags = spy.mock.calls.flatMap(([told]) => told as readonly string[]);
      spy.mockRestore();
      expect(tags.some((tag) => tag.includes("ledger_account"))).toBe(true);
    },
  );
});

describe("references", () => {
  test.each(["interest:01929a3e-0000-7000-8000-0000000000a1:2026-10", "wire:x"])(
    "%s is the bank's own: who took it would keep the bank from posting",
    async (reference) => {
      await expectProblem(await post("/deposits", { ...atCounter(other, 5), reference }), "validation");
      const lines = ["debit", "credit"].map((side) => ({ account_id: other.account_id, side, amount: 1 }));
      await expectProblem(await post("/ledger/transactions", { reference, lines }), "validation");
    },
  );
});

describe("amounts", () => {
  test("no balance of a customer becomes more than JSON can say, whoever pays in", async () => {
    const { api } = desk;
    const it = await openAccount(api.sql, api.alpha, {});
    const most = atCounter(it, Number.MAX_SAFE_INTEGER);
    expect((await post("/deposits", most)).status).toBe(201);
    await expectProblem(await post("/deposits", atCounter(it, 1)), "balance_ceiling");
  });

  test("limits at any rate are numbers: what one business says of a currency stops no work", async () => {
    const { api } = desk;
    const { id } = api.bravo;
    await api.sql`insert into core.settings (business_id, key, value)
      values (${id}, 'bank.fx_rates', '{"NGN": "0.00000001"}')`;
    const limits = { daily: Number.MAX_SAFE_INTEGER, monthly: Number.MAX_SAFE_INTEGER };
    await api.sql`insert into core.settings (business_id, key, value)
      values (${id}, 'bank.limits', ${{ 0: limits, 1: limits, 2: limits, 3: limits }})`;
    const made = await openAccount(api.sql, { id, currency: "NGN" }, {});
    await api.sql`update bank.kyc_profiles set expires_on = '2001-01-01' where customer_id = ${made.customer_id}`;
    const [row] = await api.sql`select bank.expire_kyc(100) as expired`;
    expect(row).toEqual({ expired: 1 });
  });
});

test("an account that somebody holds takes the connections from nobody else", async () => {
  const { api } = desk;
  const [it, payer, payee] = await Promise.all(
    [1, 2, 3].map(() => openAccount(api.sql, api.alpha, { balance: 100 })),
  );
  if (it === undefined || payer === undefined || payee === undefined) throw new Error("no accounts");
  const held: Promise<Response>[] = [];
  let answered = 0;
  const holder = connect(api.database_url);
  await holder.begin(async (tx) => {
    await tx`select 1 from ledger.balances where account_id = ${it.account_id} for update`;
    // Each by itself, and after the one before has hung: more than there are connections to write with.
    for (let turn = 0; turn < 6; turn += 1) {
      // An id in another case is of the same account.
      const spelt = (account: TestAccount) => ({
        ...account,
        account_id: account.account_id.slice(0, turn * 7).toUpperCase() + account.account_id.slice(turn * 7),
      });
      held.push(post("/transfers", between(spelt(it), spelt(other), 1)));
      void held.at(-1)?.then(() => (answered += 1));
      await Bun.sleep(70);
    }
    expect((await post("/transfers", between(payer, payee, 1))).status).toBe(201);
    expect(answered).toBe(0);
  });
  await holder.close();
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual(Array.from(held, () => 201));
});

describe("limits that are given back", () => {
  test("a transfer is of the day whose limit it used, however long it waited for the account", async () => {
    const { api } = desk;
    const it = await openAccount(api.sql, api.alpha, { balance: 100 });
    let moved: Promise<Response> | null = null;
    const waits = async () => {
      const [row] = await api.sql`select count(*)::int as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      return row.n > 0;
    };
    const holder = connect(api.database_url);
    const released = await holder.begin(async (tx) => {
      await tx`select 1 from ledger.balances where account_id = ${it.account_id} for update`;
      moved = post("/transfers", between(it, other, 5));
      await until("it waits", waits);
      return (await tx`select clock_timestamp() as at`)[0].at as Date;
    });
    await holder.close();
    const { id } = await read<Made>(moved as unknown as Promise<Response>);
    const [row] =
      await api.sql`select created_at < ${released} as is_before from bank.transfers where id = ${id}`;
    expect(row).toEqual({ is_before: true });
  });

  test("a wire is cancelled though less is counted than it used", async () => {
    const { api, account } = desk;
    const wire = await makeWire(desk, { amount: 500 });
    await api.sql`update ledger.balances set day_used = 100, month_used = 100, wire_day_used = 100
      where account_id = ${account.account_id}`;
    expect((await decide(desk, wire.id, "cancel", { by: "owner" })).status).toBe(200);
    expect(await moneyOf(desk)).toMatchObject({ day: 0, month: 0, wire_day: 0 });
  });
});

test("a search of all transfers says since when: it would read every one of them", async () => {
  const search = (query: string) =>
    desk.api.send("GET", `/api/v1/transfers?${query}`, { token: desk.token.manager });
  for (const query of ["q=rent", "min=5", "max=5", "category=home"]) {
    await expectProblem(await search(query), "validation");
    expect((await search(`${query}&from=2026-01-01`)).status).toBe(200);
    expect((await search(`${query}&account_id=${other.account_id}`)).status).toBe(200);
  }
});

describe("two customers of one transfer", () => {
  test("whoever was paid does not change what the payer wrote", async () => {
    const { api, account, token } = desk;
    const { id } = await read<Made>(post("/transfers", { ...between(other, account, 7), memo: "a loan" }));
    const patch = (of: string) =>
      api.send("PATCH", `/api/v1/transfers/${of}`, {
        token: token.customer,
        headers: { "if-match": "*" },
        body: { memo: "a gift" },
      });
    await expectProblem(await patch(id), "forbidden");
    const mine = await read<Made>(post("/transfers", between(account, other, 7)));
    expect((await patch(mine.id)).status).toBe(200);
    const paidIn = await read<Made>(post("/deposits", atCounter(account, 7)));
    expect((await patch(paidIn.id)).status).toBe(200);
  });

  test("a batch that is refused names each item, whatever refused it", async () => {
    const { account } = desk;
    const nowhere = { account_id: "01929a3e-0000-7000-8000-0000000000a1", customer_id: "" };
    const refused = await expectProblem(
      await post("/transfers/batch", {
        atomic: true,
        items: [between(account, other, 1), between(account, nowhere, 1), between(account, account, 1)],
      }),
      "batch_refused",
    );
    expect(refused.errors).toEqual([
      { pointer: "/items/1/to_account_id", detail: "reference_not_found" },
      { pointer: "/items/2/to_account_id", detail: "same_account" },
    ]);
  });
});
