import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { accountMoves, type AccountMove, allowedFrom } from "../../src/bank/account-moves.ts";
import { settings } from "../../src/core/settings-catalogue.ts";
import { type BankAccountStatus, bankAccountStatuses } from "../../src/platform/enums.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { approveCustomer, deposit, makeCustomer, openAccount } from "../helpers/bank.ts";
import { expectProblem } from "../helpers/problem.ts";
import { brokenBooks } from "../helpers/ledger.ts";

let api: TestApp;
let manager: string;
let clerk: string;
let stranger: string;

beforeAll(async () => {
  api = await startTestApp();
  manager = await api.token(api.alpha.people.manager);
  clerk = await api.token(api.alpha.people.clerk);
  stranger = await api.token(api.bravo.people.owner);
});
afterAll(() => api.stop());

type Account = {
  id: string;
  customer_id: string;
  account_number: string;
  status: BankAccountStatus;
  daily_limit: number;
  monthly_limit: number;
  version: number;
} & Record<string, unknown>;

const limits = settings["bank.limits"].default;

async function open(body: Record<string, unknown>, token = clerk): Promise<Account> {
  const given = { type: "checking", currency: "NGN", ...body };
  const response = await api.send("POST", "/api/v1/accounts", { token, body: given });
  expect(response.status).toBe(201);
  return (await response.json()) as Account;
}
const patch = (id: string, body: unknown, { token = manager, match = "*" } = {}) =>
  api.send("PATCH", `/api/v1/accounts/${id}`, { token, body, headers: { "if-match": match } });
const read = async (id: string, token = manager): Promise<Account> =>
  (await (await api.send("GET", `/api/v1/accounts/${id}`, { token })).json()) as Account;
const known = async (level = 1): Promise<string> => {
  const customer_id = await makeCustomer(api.sql, api.alpha);
  await approveCustomer(api.sql, api.alpha, { customer_id, level });
  return customer_id;
};

describe("opening", () => {
  test("an account of a customer whom nobody has looked at waits, with the limits of level 0", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const response = await api.send("POST", "/api/v1/accounts", {
      token: clerk,
      body: { customer_id, type: "savings", currency: "NGN", nickname: "Rainy days" },
    });
    const account = (await response.json()) as Account;
    expect(account).toMatchObject({
      customer_id,
      type: "savings",
      status: "pending",
      nickname: "Rainy days",
      daily_limit: limits["0"].daily,
      monthly_limit: limits["0"].monthly,
      overdraft_limit: 0,
      activated_at: null,
    });
    expect(await read(response.headers.get("location")?.split("/").at(-1) ?? "")).toEqual(account);
    const failed = deposit(api.sql, api.alpha, { account_id: account.id, amount: 1 });
    expect(await failed.catch((error: { constraint: string }) => error.constraint)).toBe("account_not_open");
  });

  test("level 1 activates what waits and raises limits, but not those that staff set lower", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const [waiting, lowered] = [await open({ customer_id }), await open({ customer_id })];
    expect((await patch(lowered.id, { daily_limit: 7, monthly_limit: 70 })).status).toBe(200);
    await approveCustomer(api.sql, api.alpha, { customer_id, level: 1 });
    const activate = () => api.sql`select bank.activate_accounts(${api.alpha.id}, ${customer_id}) as changed`;
    expect((await activate())[0].changed).toBe(2);
    expect((await activate())[0].changed).toBe(0);
    await api.forget();
    const { daily, monthly } = limits["1"];
    expect(await read(waiting.id)).toMatchObject({
      status: "active",
      daily_limit: daily,
      monthly_limit: monthly,
    });
    expect(await read(lowered.id)).toMatchObject({ status: "active", daily_limit: 7, monthly_limit: 70 });
    await deposit(api.sql, api.alpha, { account_id: waiting.id, amount: 1 });
  });

  test("numbers are unique, have ten digits, and a check digit that finds what was mistyped", async () => {
    const customer_id = await known();
    const accounts = await Promise.all(Array.from({ length: 8 }, () => open({ customer_id })));
    const numbers = accounts.map(({ account_number }) => account_number);
    expect(new Set(numbers).size).toBe(8);
    const digit = async (digits: string) =>
      (await api.sql`select bank.check_digit(${digits}) as digit`)[0].digit as string;
    for (const number of numbers) expect(await digit(number.slice(0, 9))).toBe(number.slice(9));
    // Examples of ISO 7064 MOD 11,10.
    expect([await digit("0794"), await digit("79462")]).toEqual(["5", "3"]);
  });

  test("a currency that is not the business's needs a rate, at which its limits are those of the level", async () => {
    const customer_id = await known();
    const send = (currency: string) =>
      api.send("POST", "/api/v1/accounts", {
        token: clerk,
        body: { customer_id, type: "checking", currency },
      });
    for (const currency of ["USD", "ZZZ"]) {
      const { errors } = await expectProblem(await send(currency), "validation");
      expect(errors?.map(({ pointer }) => pointer)).toEqual(["/currency"]);
    }
    await api.sql`insert into core.settings (business_id, key, value)
      values (${api.alpha.id}, 'bank.fx_rates', '{"USD": "1550.25", "JPY": "10"}')`;
    expect(await open({ customer_id, currency: "USD" })).toMatchObject({
      daily_limit: Math.floor(limits["1"].daily / 1550.25),
    });
    // The yen has no smaller unit.
    const yen = await open({ customer_id, currency: "JPY" });
    expect(yen).toMatchObject({ currency: "JPY", daily_limit: limits["1"].daily / 10 / 100 });
    await api.sql`delete from core.settings where business_id = ${api.alpha.id}`;
  });

  test("a customer of nobody, of another business or in the archive opens nothing", async () => {
    const theirs = await makeCustomer(api.sql, api.bravo);
    const archived = await makeCustomer(api.sql, api.alpha);
    await api.sql`update core.customers set is_active = false where id = ${archived}`;
    for (const customer_id of [crypto.randomUUID(), theirs, archived]) {
      const body = { customer_id, type: "checking", currency: "NGN" };
      const answer = await api.send("POST", "/api/v1/accounts", { token: clerk, body });
      const { errors } = await expectProblem(answer, "reference_not_found");
      expect(errors).toMatchObject([{ pointer: "/customer_id" }]);
    }
  });

  test("a key opens one account; limits come from the setting", async () => {
    await api.sql`insert into core.settings (business_id, key, value) values (${api.alpha.id}, 'bank.limits',
      '{"0": {"daily": 1, "monthly": 2}, "1": {"daily": 3, "monthly": 4}}')`;
    const body = { customer_id: await known(2), type: "checking", currency: "NGN" };
    const send = () =>
      api.send("POST", "/api/v1/accounts", {
        token: clerk,
        body,
        headers: { "idempotency-key": "open-once" },
      });
    const [first, second] = [await send(), await send()];
    expect(await second.text()).toBe(await first.clone().text());
    expect(await first.json()).toMatchObject({ daily_limit: 3, monthly_limit: 4 });
    await api.sql`delete from core.settings where business_id = ${api.alpha.id}`;
    expect((await api.sql`select bank.default_limits() as it`)[0].it).toEqual(limits);
  });
});

describe("changing", () => {
  test("needs the version that was read; a clerk may change the nickname only", async () => {
    const { id } = await open({ customer_id: await known() });
    const path = `/api/v1/accounts/${id}`;
    await expectProblem(
      await api.send("PATCH", path, { token: clerk, body: { nickname: "No" } }),
      "precondition_required",
    );
    const named = await patch(id, { nickname: "Till" }, { token: clerk, match: '"1"' });
    expect(await named.json()).toMatchObject({ nickname: "Till", version: 2 });
    await expectProblem(await patch(id, { nickname: null }, { match: '"1"' }), "precondition_failed");
    await expectProblem(await patch(id, { nickname: "x", daily_limit: 1 }, { token: clerk }), "forbidden");
    await expectProblem(await patch(id, { nickname: "Theirs" }, { token: stranger }), "not_found");
  });

  test("limits go down, not above the level's, and back by null", async () => {
    const { id } = await open({ customer_id: await known() });
    const { daily, monthly } = limits["1"];
    const refused = async (body: unknown, pointer: string) => {
      const { errors } = await expectProblem(await patch(id, body), "validation");
      expect(errors?.map((error) => error.pointer)).toEqual([pointer]);
    };
    await refused({ daily_limit: daily + 1 }, "/daily_limit");
    await refused({ monthly_limit: monthly + 1 }, "/monthly_limit");
    await refused({ monthly_limit: daily - 1 }, "/monthly_limit");
    await refused({ daily_limit: -1 }, "/daily_limit");
    expect(await (await patch(id, { daily_limit: 0, monthly_limit: 5 })).json()).toMatchObject({
      daily_limit: 0,
      monthly_limit: 5,
    });
    const back = await patch(id, { daily_limit: null, monthly_limit: null });
    expect(await back.json()).toMatchObject({ daily_limit: daily, monthly_limit: monthly });
  });

  test("an overdraft limit counts at once, and is not taken from under what is overdrawn", async () => {
    const { account_id: id } = await openAccount(api.sql, api.alpha, { balance: 100 });
    const balance = async () => {
      const [row] =
        await api.sql`select bank.available(b)::int as available from ledger.balances b where account_id = ${id}`;
      return row.available as number;
    };
    expect(
      await (await patch(id, { overdraft_limit: 500, interest_bps: 5, overdraft_bps: 9 })).json(),
    ).toMatchObject({ overdraft_limit: 500, interest_bps: 5, overdraft_bps: 9 });
    expect(await balance()).toBe(600);
    await api.sql`select ledger.post(ledger.posting_of(${api.alpha.id}, ${Bun.randomUUIDv7()}, 'single', 'bank.withdrawal', null),
      jsonb_build_array(jsonb_build_object('account_id', ${id}::uuid, 'side', 'debit', 'amount', 400),
        jsonb_build_object('account_id', ledger.house_account(${api.alpha.id}, 'cash:vault', 'asset', 'NGN', 8),
          'side', 'credit', 'amount', 400)))`;
    await expectProblem(await patch(id, { overdraft_limit: 299 }), "insufficient_funds");
    expect((await patch(id, { overdraft_limit: 300 })).status).toBe(200);
    expect(await balance()).toBe(0);
  });
});

describe("moves", () => {
  const customer = { id: "" };
  const bringTo = async (status: BankAccountStatus): Promise<string> => {
    const { id } = await open({ customer_id: customer.id });
    if (status === "pending") return id;
    const steps: BankAccountStatus[] = status === "active" ? ["active"] : ["active", status];
    for (const [index, step] of steps.entries()) {
      const from = index === 0 ? "pending" : "active";
      await api.sql`select bank.move_account(${api.alpha.id}, ${id}, array[${from}]::bank.account_status[], ${step}, 'test')`;
    }
    return id;
  };
  beforeAll(async () => {
    customer.id = await makeCustomer(api.sql, api.alpha);
  });

  const send = (id: string, move: string, token = manager, headers = {}) =>
    api.send("POST", `/api/v1/accounts/${id}/${move}`, {
      token,
      headers,
      ...(move === "activate" ? {} : { body: { reason: "Asked for" } }),
    });
  const ledgerStatus = async (id: string): Promise<string> =>
    (await api.sql`select status from ledger.accounts where id = ${id}`)[0].status as string;

  const each = Object.entries(accountMoves as Readonly<Record<string, AccountMove>>).flatMap(([name, move]) =>
    bankAccountStatuses.map((from) => ({ name, move, from, legal: move.from.includes(from) })),
  );

  test.each(each.filter(({ legal }) => legal))(
    "$name moves an account that is $from",
    async ({ name, move, from }) => {
      const id = await bringTo(from);
      const response = await send(id, name);
      const account = (await response.json()) as Account;
      expect(account).toMatchObject({ status: move.to });
      expect(await ledgerStatus(id)).toBe(
        { active: "open", frozen: "frozen", closed: "closed", pending: "frozen", dormant: "open" }[move.to],
      );
      const reason = { freeze: "frozen_reason", unfreeze: "unfrozen_reason", close: "closed_reason" }[name];
      if (reason !== undefined) expect(account[reason]).toBe("Asked for");
    },
  );

  test.each(each.filter(({ legal }) => !legal))(
    "$name does not move an account that is $from",
    async ({ name, move, from }) => {
      const id = await bringTo(from);
      const refused = await expectProblem(await send(id, name), "illegal_transition");
      expect(refused).toMatchObject({ from, to: move.to, allowed: allowedFrom(from) });
    },
  );

  test("compliance freezes and unfreezes, and does no more; clerks do neither", async () => {
    const id = await bringTo("active");
    const compliance = await api.token(api.alpha.people.compliance);
    expect((await send(id, "freeze", compliance)).status).toBe(200);
    expect((await send(id, "unfreeze", compliance)).status).toBe(200);
    for (const move of ["close", "activate"])
      await expectProblem(await send(id, move, compliance), "forbidden");
    for (const move of Object.keys(accountMoves))
      await expectProblem(await send(id, move, clerk), "forbidden");
    await expectProblem(await send(id, "freeze", stranger), "not_found");
    await expectProblem(await send(id, "freeze", manager, { "if-match": '"99"' }), "precondition_failed");
  });

  test("what is frozen takes no posting, and again when it is not; what is closed is never changed", async () => {
    const { account_id: id } = await openAccount(api.sql, api.alpha);
    const post = () => deposit(api.sql, api.alpha, { account_id: id, amount: 5 }).catch(() => "refused");
    await send(id, "freeze");
    expect(await post()).toBe("refused");
    await send(id, "unfreeze");
    expect(await post()).not.toBe("refused");
    await expectProblem(await send(id, "close"), "account_not_empty");
    expect((await read(id)).status).toBe("active");
    const closed = await bringTo("closed");
    await expectProblem(await patch(closed, { nickname: "Late" }), "account_not_open");
  });

  test("money that is held keeps an account open, also where as much is on its way in", async () => {
    const { account_id: id } = await openAccount(api.sql, api.alpha, { overdraft_limit: 10 });
    const hold = (side: string, other: string) => api.sql`select ledger.post(
      ledger.posting_of(${api.alpha.id}, ${Bun.randomUUIDv7()}, 'pending', 'bank.wire', null),
      jsonb_build_array(jsonb_build_object('account_id', ${id}::uuid, 'side', ${side}::text, 'amount', 5),
        jsonb_build_object('account_id', ledger.house_account(${api.alpha.id}, 'clearing:wires', 'liability', 'NGN', 8),
          'side', ${other}::text, 'amount', 5)))`;
    await hold("debit", "credit");
    await hold("credit", "debit");
    await expectProblem(await send(id, "close"), "account_not_empty");
  });

  test("of a close and a deposit at the same time one is refused", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { account_id: id } = await openAccount(api.sql, api.alpha);
      const [closing, posting] = await Promise.all([
        send(id, "close"),
        deposit(api.sql, api.alpha, { account_id: id, amount: 5 }).then(
          () => "posted",
          () => "refused",
        ),
      ]);
      expect([closing.status, posting]).toBeOneOf([
        [200, "refused"],
        [409, "posted"],
      ]);
    }
  });
});

test("the books hold after all of it", async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});
