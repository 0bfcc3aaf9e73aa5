import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Page, read } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { openAccount } from "../helpers/bank.ts";
import { openLedgerAccount } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let manager: string;
let accounts = 0;

beforeAll(async () => {
  api = await startTestApp();
  manager = await api.token(api.alpha.people.manager);
});
afterAll(() => api.stop());

type Transaction = {
  id: string;
  phase: string;
  resolved_as: string | null;
  reversed_by_id: string | null;
  entries: { amount: number; balance_after: number | null }[];
};
type Bulk = {
  posted: number;
  refused: number;
  data: { status: number; transaction?: Transaction; problem?: { code: string; errors?: unknown } }[];
};

const path = "/api/v1/ledger";
const send = (to: string, body?: unknown, headers: Record<string, string> = {}) =>
  api.send("POST", `${path}${to}`, {
    token: manager,
    headers: { "idempotency-key": crypto.randomUUID(), ...headers },
    ...(body === undefined ? {} : { body }),
  });
const get = <T>(from: string): Promise<T> => read<T>(api.send("GET", `${path}${from}`, { token: manager }));

/** An account of its own for a test, which nothing limits unless it says so. */
const open = (input: { overdraft_limit?: number | null; max_balance?: number; currency?: string } = {}) => {
  accounts += 1;
  return openLedgerAccount(api.sql, api.alpha.id, { code: `test:${accounts}`, kind: "equity", ...input });
};
const lines = (from: string, to: string, amount: number) => [
  { account_id: from, side: "debit", amount },
  { account_id: to, side: "credit", amount },
];
async function transact(from: string, to: string, amount: number, rest: object = {}): Promise<Transaction> {
  const response = await send("/transactions", { lines: lines(from, to, amount), ...rest });
  expect(response.status).toBe(201);
  return read<Transaction>(response);
}
const posted = async (id: string): Promise<number> =>
  (await get<{ posted: number }>(`/accounts/${id}`)).posted;
const counts = async (): Promise<unknown> => {
  const [row] = await api.sql`select (select count(*) from ledger.transactions) as transactions,
    (select count(*) from ledger.entries) as entries, (select count(*) from core.audit_log) as told`;
  return row;
};

describe("accounts", () => {
  test("are created by hand, once for each code, and read with their balance", async () => {
    const body = { code: "equity:capital", kind: "equity", currency: "NGN", overdraft_limit: 0 };
    const created = await send("/accounts", body);
    expect(created.status).toBe(201);
    const account = await read<{ id: string }>(created);
    expect(created.headers.get("location")).toBe(`${path}/accounts/${account.id}`);
    expect(account).toMatchObject({
      ...body,
      normal_side: "credit",
      posted: 0,
      owner_type: null,
      max_balance: null,
    });
    expect(await get<unknown>(`/accounts/${account.id}`)).toEqual(account);
    const again = await expectProblem(send("/accounts", body), "already_exists");
    expect(again.errors?.[0]?.pointer).toBe("/code");
    await expectProblem(
      send("/accounts", { ...body, code: "other", currency: "XQX" }),
      "reference_not_found",
    );
    await expectProblem(send("/accounts", { ...body, code: "Not a code" }), "validation");
  });

  test("of a module's codes are not made by hand", async () => {
    for (const code of ["bank:account:1", "cash:vault", "bank", "clearing:wires"]) {
      await expectProblem(send("/accounts", { code, kind: "asset", currency: "NGN" }), "validation");
    }
  });

  test("are listed by code, by its beginning, and by owner", async () => {
    const { account_id } = await openAccount(api.sql, api.alpha);
    for (const code of ["list:b", "list:a", "list:c", "lisu"])
      await openLedgerAccount(api.sql, api.alpha.id, { code });
    type Row = { id: string; code: string };
    const first = await get<Page<Row>>("/accounts?code=list&limit=2");
    const rest = await get<Page<Row>>(`/accounts?code=list&limit=2&cursor=${first.meta.next_cursor}`);
    expect([...first.data, ...rest.data].map(({ code }) => code)).toEqual(["list:a", "list:b", "list:c"]);
    const owned = await get<Page<Row>>(`/accounts?owner_type=bank.account&owner_id=${account_id}`);
    expect(owned.data.map(({ id }) => id)).toEqual([account_id]);
  });
});

describe("a transaction by hand", () => {
  test("moves money, is found with its entries, and is in the audit trail", async () => {
    const [from, to] = [await open(), await open()];
    const rest = { reference: `R-${from}`, description: "Capital", metadata: { batch: "7" } };
    const response = await send("/transactions", { lines: lines(from, to, 500), ...rest });
    const made = await read<Transaction>(response);
    expect(response.headers.get("location")).toBe(`${path}/transactions/${made.id}`);
    expect(made).toMatchObject({ ...rest, phase: "single", kind: "ledger.manual", source_id: null });
    expect(made.entries.map(({ amount, balance_after }) => [amount, balance_after])).toEqual([
      [500, -500],
      [500, 500],
    ]);
    expect(await get<Transaction>(`/transactions/${made.id}`)).toEqual(made);
    expect([await posted(from), await posted(to)]).toEqual([-500, 500]);
    const [told] =
      await api.sql`select action, actor_user_id from core.audit_log where entity_id = ${made.id}`;
    expect(told).toMatchObject({
      action: "ledger_transaction.created",
      actor_user_id: api.alpha.people.manager.user_id,
    });
  });

  test("is posted once under its key, and a second reference is refused", async () => {
    const [from, to] = [await open(), await open()];
    const body = { lines: lines(from, to, 5), reference: `once-${from}` };
    const key = { "idempotency-key": crypto.randomUUID() };
    const [first, again] = [await send("/transactions", body, key), await send("/transactions", body, key)];
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await again.text()).toBe(await first.text());
    expect(await posted(to)).toBe(5);
    await expectProblem(send("/transactions", body), "reference_exists");
    await expectProblem(send("/transactions", { lines: lines(from, to, 6) }, key), "idempotency_mismatch");
  });

  test("is refused for each reason, and leaves nothing behind", async () => {
    const [from, to] = [await open({ overdraft_limit: 10 }), await open({ max_balance: 50 })];
    const [dollars, frozen] = [await open({ currency: "USD" }), await open()];
    await api.sql`update ledger.accounts set status = 'frozen' where id = ${frozen}`;
    const { account_id } = await openAccount(api.sql, api.alpha);
    const foreign = await openLedgerAccount(api.sql, api.bravo.id, { code: "theirs" });
    const before = await counts();
    const unequal = [lines(from, to, 5)[0], lines(from, to, 4)[1]];
    const refusals = [
      ["unbalanced", unequal],
      ["unbalanced", lines(from, dollars, 5)],
      ["account_not_found", lines(from, crypto.randomUUID(), 5)],
      ["account_not_found", lines(from, foreign, 5)],
      ["account_owned", lines(from, account_id, 5)],
      ["account_not_open", lines(from, frozen, 5)],
      ["insufficient_funds", lines(from, to, 11)],
      ["balance_ceiling", lines(frozen, to, 51)],
      ["validation", lines(from, to, 0)],
      ["validation", lines(from, to, 1.5)],
      ["validation", [lines(from, to, 5)[0]]],
    ] as const;
    for (const [code, lines] of refusals) {
      if (code === "balance_ceiling")
        await api.sql`update ledger.accounts set status = 'open' where id = ${frozen}`;
      await expectProblem(send("/transactions", { lines }), code);
    }
    const over = { lines: lines(from, to, 5), phase: "pending", expires_at: "2020-01-01T00:00:00.000Z" };
    const wrong = await expectProblem(send("/transactions", over), "validation");
    expect(wrong.errors?.[0]?.pointer).toBe("/expires_at");
    const at = { expires_at: "2099-01-01T00:00:00.000Z" };
    await expectProblem(send("/transactions", { ...at, lines: lines(from, to, 5) }), "validation");
    await expectProblem(
      api.send("POST", `${path}/transactions`, { token: manager, body: { lines: lines(from, to, 5) } }),
      "idempotency_key_required",
    );
    const [{ accounts: made }] = await api.sql`select count(*) as accounts from core.audit_log
      where entity_type = 'ledger_account' and action = 'ledger_account.updated' and entity_id = ${frozen}`;
    expect({ ...((await counts()) as object), told: null }).toEqual({ ...(before as object), told: null });
    expect(Number(made)).toBe(2);
  });

  test("that is only tried says what would become of it and keeps nothing, not even its key", async () => {
    const [from, to] = [await open({ overdraft_limit: 10 }), await open()];
    const before = await counts();
    const key = { "idempotency-key": crypto.randomUUID() };
    const tried = async (amount: number) => {
      const response = await send("/transactions", { lines: lines(from, to, amount), dry_run: true }, key);
      expect(response.status).toBe(200);
      return response.json();
    };
    expect(await tried(10)).toMatchObject({ dry_run: true, status: 201, transaction: { phase: "single" } });
    expect(await tried(11)).toMatchObject({
      dry_run: true,
      status: 422,
      problem: { code: "insufficient_funds", status: 422, instance: `${path}/transactions` },
    });
    expect(await counts()).toEqual(before as never);
    expect((await send("/transactions", { lines: lines(from, to, 10) }, key)).status).toBe(201);
  });

  test("may be for an earlier time, which the trial balance tells apart", async () => {
    const [from, to] = [await open({ currency: "KES" }), await open({ currency: "KES" })];
    await transact(from, to, 70, { effective_at: "2026-01-05T00:00:00.000Z" });
    await transact(from, to, 30);
    type Trial = { currencies: { currency: string; debit: number; credit: number; is_balanced: boolean }[] };
    const shillings = async (query: string) =>
      (await get<Trial>(`/trial-balance${query}`)).currencies.find(({ currency }) => currency === "KES");
    expect(await shillings("")).toMatchObject({ debit: 100, credit: 100, is_balanced: true });
    const then = await shillings("?as_of=2026-01-06T00:00:00.000Z");
    expect(then).toMatchObject({ debit: 70, credit: 70, is_balanced: true });
    expect(await shillings("?as_of=2026-01-04T00:00:00.000Z")).toMatchObject({ debit: 0, credit: 0 });
  });
});

describe("many transactions by hand", () => {
  const items = async () => {
    const [from, to] = [await open({ overdraft_limit: 10 }), await open()];
    return { from, to, items: [4, 20, 6].map((amount) => ({ lines: lines(from, to, amount) })) };
  };

  test("are posted each by itself where that is asked for", async () => {
    const { to, items: sent } = await items();
    const answer = await read<Bulk>(send("/transactions/bulk", { mode: "independent", items: sent }));
    expect([answer.posted, answer.refused]).toEqual([2, 1]);
    expect(answer.data.map(({ status }) => status)).toEqual([201, 422, 201]);
    expect(answer.data[1]?.problem).toMatchObject({
      code: "insufficient_funds",
      errors: [{ pointer: "/items/1" }],
    });
    expect(await posted(to)).toBe(10);
  });

  test("are refused together where all or none is asked for", async () => {
    const { from, to, items: sent } = await items();
    const { account_id } = await openAccount(api.sql, api.alpha);
    const owned = { lines: lines(from, account_id, 1) };
    const before = await counts();
    const body = { mode: "atomic", items: [...sent, owned] };
    const refused = await expectProblem(send("/transactions/bulk", body), "batch_refused");
    expect(refused.errors).toEqual([
      { pointer: "/items/1", detail: "insufficient_funds" },
      { pointer: "/items/3", detail: "account_owned" },
    ]);
    expect(await counts()).toEqual(before as never);
    const kept = await read<Bulk>(send("/transactions/bulk", { mode: "atomic", items: [sent[0], sent[2]] }));
    expect([kept.posted, kept.refused, await posted(to)]).toEqual([2, 0, 10]);
  });

  test("are judged in their order when they are only tried, and nothing is kept", async () => {
    const { to, items: sent } = await items();
    const before = await counts();
    for (const [mode, expected] of [
      ["independent", 2],
      ["atomic", 0],
    ] as const) {
      const answer = await read<Bulk>(send("/transactions/bulk", { mode, dry_run: true, items: sent }));
      expect([answer.posted, answer.refused]).toEqual([expected, 1]);
    }
    expect([await counts(), await posted(to)]).toEqual([before, 0] as never);
  });

  test("are answered again under their key, and are at most 500", async () => {
    const { to, items: sent } = await items();
    const key = { "idempotency-key": crypto.randomUUID() };
    const body = { mode: "independent", items: sent };
    const first = await (await send("/transactions/bulk", body, key)).text();
    expect(await (await send("/transactions/bulk", body, key)).text()).toBe(first);
    expect(await posted(to)).toBe(10);
    const many = Array.from({ length: 501 }, () => sent[0]);
    await expectProblem(send("/transactions/bulk", { mode: "atomic", items: many }), "validation");
  });
});

describe("a hold by hand", () => {
  const hold = async (amount: number) => {
    const [from, to] = [await open({ overdraft_limit: 1_000 }), await open()];
    return { from, to, held: await transact(from, to, amount, { phase: "pending" }) };
  };
  const end = (id: string, how: "post" | "void", body?: object) =>
    send(`/transactions/${id}/${how}`, how === "post" ? (body ?? {}) : undefined);

  test("is posted, in part, or voided, once", async () => {
    const [whole, part, none] = [await hold(100), await hold(100), await hold(100)];
    for (const [{ held, to }, how, body, moved] of [
      [whole, "post", {}, 100],
      [part, "post", { amount: 60 }, 60],
      [none, "void", undefined, 0],
    ] as const) {
      const response = await end(held.id, how, body);
      expect(response.status).toBe(201);
      expect(await response.json()).toMatchObject({ phase: how, pending_id: held.id });
      expect(await posted(to)).toBe(moved);
      expect(await get<Transaction>(`/transactions/${held.id}`)).toMatchObject({ resolved_as: how });
      await expectProblem(end(held.id, "post"), "already_resolved");
      await expectProblem(end(held.id, "void"), "already_resolved");
    }
  });

  test("is not posted beyond what it holds, nor when its time is over", async () => {
    const { from, to, held } = await hold(100);
    await expectProblem(end(held.id, "post", { amount: 101 }), "partial_amount");
    const single = await transact(from, to, 1);
    await expectProblem(end(single.id, "post"), "not_pending");
    const short = await transact(from, to, 5, {
      phase: "pending",
      expires_at: new Date(Date.now() + 300).toISOString(),
    });
    await Bun.sleep(350);
    await expectProblem(end(short.id, "post"), "pending_expired");
    expect((await end(short.id, "void")).status).toBe(201);
    await expectProblem(end(crypto.randomUUID(), "post"), "not_found");
  });
});

test("a transaction is reversed once, and a reversal never", async () => {
  const [from, to] = [await open(), await open()];
  const made = await transact(from, to, 100);
  const response = await send(`/transactions/${made.id}/reverse`, { description: "Wrong account" });
  expect(response.status).toBe(201);
  const reversal = await read<Transaction>(response);
  expect(reversal).toMatchObject({ reverses_id: made.id, description: "Wrong account" });
  expect([await posted(from), await posted(to)]).toEqual([0, 0]);
  expect((await get<Transaction>(`/transactions/${made.id}`)).reversed_by_id).toBe(reversal.id);
  await expectProblem(send(`/transactions/${made.id}/reverse`, {}), "already_reversed");
  await expectProblem(send(`/transactions/${reversal.id}/reverse`, {}), "not_reversible");
});

test("what a module moved is neither ended nor reversed by hand", async () => {
  const { account_id } = await openAccount(api.sql, api.alpha, { balance: 100 });
  const [row] =
    await api.sql`select transaction_id as id from ledger.entries where account_id = ${account_id}`;
  const { id } = row as { id: string };
  await expectProblem(send(`/transactions/${id}/reverse`, {}), "account_owned");
  await expectProblem(send(`/transactions/${id}/void`), "account_owned");
});

test("transactions are listed newest first, by reference and by what they belong to", async () => {
  const [from, to] = [await open(), await open()];
  const made: Transaction[] = [];
  for (const place of [1, 2, 3])
    made.push(await transact(from, to, place, { reference: `list-${to}-${place}` }));
  const ids = async (query: string) =>
    (await get<Page<Transaction>>(`/transactions?${query}`)).data.map(({ id }) => id);
  const newest = made.map(({ id }) => id).toReversed();
  expect(await ids("limit=3")).toEqual(newest);
  const page = await get<Page<Transaction>>("/transactions?limit=2");
  expect(await ids(`limit=1&cursor=${page.meta.next_cursor}`).catch(() => [])).not.toContain(newest[0]);
  expect(await ids(`reference=list-${to}-2`)).toEqual([made[1]?.id ?? ""]);
  expect(await ids(`source_id=${made[0]?.id}`)).toEqual([made[0]?.id ?? ""]);
  const reversed = await read<Transaction>(send(`/transactions/${made[0]?.id}/reverse`, {}));
  const source = `source_type=ledger.transaction&source_id=${made[0]?.id}`;
  expect(await ids(source)).toEqual([reversed.id]);
});

test("an instant that is too far from UTC for the database is refused, not our fault", async () => {
  const [from, to] = [await open(), await open()];
  const effective_at = "2026-11-20T08:15:00+23:59";
  await expectProblem(send("/transactions", { lines: lines(from, to, 1), effective_at }), "validation");
  const as_of = encodeURIComponent(effective_at);
  await expectProblem(
    api.send("GET", `${path}/trial-balance?as_of=${as_of}`, { token: manager }),
    "validation",
  );
});
