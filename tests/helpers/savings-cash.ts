import { expect } from "bun:test";
import type { SQL } from "bun";
import type { ExpenseStatus, MemberRole, RemittanceStatus } from "../../src/platform/enums.ts";
import type { Page } from "./answers.ts";
import type { TestApp } from "./app.ts";
import type { Business } from "./fixtures.ts";
import { makeProduct, openSavings } from "./savings.ts";

/** What an answer says of a remittance. Amounts in minor units. */
export type Remittance = {
  id: string;
  agent_id: string;
  business_date: string;
  no: number;
  status: RemittanceStatus;
  expected: number;
  declared: number | null;
  counted: number | null;
  variance: number | null;
  note: string | null;
  confirmed_by: string | null;
  ledger_transaction_id: string | null;
  version: number;
};

/** What an answer says of an expense. Amounts in minor units. */
export type Expense = {
  id: string;
  member_id: string;
  unit_id: string | null;
  category: string;
  amount: number;
  paid_from: "vault" | "agent_cash";
  status: ExpenseStatus;
  spent_on: string;
  description: string | null;
  file_id: string | null;
  remittance_id: string | null;
  ledger_transaction_id: string | null;
  decided_by: string | null;
  reason: string | null;
  version: number;
};

/** A business whose cash is tested, with a token for every role. */
export type Desk = Readonly<{ api: TestApp; token: Readonly<Record<MemberRole, string>> }>;

export async function openCashDesk(api: TestApp): Promise<Desk> {
  const people = Object.values(api.alpha.people);
  const tokens = await Promise.all(
    people.map(async (person) => [person.role, await api.token(person)] as const),
  );
  return { api, token: Object.fromEntries(tokens) as Record<MemberRole, string> };
}

/** An account for each agent, with more slots than a test has visits, which takes any amount. */
const rounds = new Map<string, Promise<string>>();

async function roundOf(sql: SQL, business: Parameters<typeof openSavings>[1], agent_id: string) {
  const product_id = await makeProduct(sql, business, {
    backdate_days: 366,
    flexible_amount: true,
    cycle_markings: 366,
  });
  const opened = await openSavings(sql, business, { agent_id, product_id, cycles: 10 });
  return opened.savings_account_id;
}

/**
 * Collects cash, one marking, as a member who did so some days ago and is only now on the net. Returns the collection and
 * the remittance that it belongs to; throws the name of what refused it.
 */
export async function collectCash(
  sql: SQL,
  business: Pick<Business, "id" | "currency" | "people">,
  { agent_id, amount, days_ago = 0 }: { agent_id: string; amount: number; days_ago?: number },
): Promise<{ collection_id: string; remittance_id: string }> {
  const round = rounds.get(agent_id) ?? roundOf(sql, business, agent_id);
  rounds.set(agent_id, round);
  const id = Bun.randomUUIDv7();
  const visit = {
    id,
    savings_account_id: await round,
    amounts: [amount],
    method: "cash",
    client_ref: id,
    collected_at: new Date(Date.now() - days_ago * 86_400_000 - 1_000),
  };
  const [{ refusal }] =
    await sql`select (unnest(c)).refusal from savings.collect(${business.id}, ${agent_id}, null, null,
    ${JSON.stringify([visit])}::text::jsonb) c`;
  if (refusal !== null) throw new Error(refusal);
  const [{ remittance_id }] = await sql`select remittance_id from savings.collections where id = ${id}`;
  return { collection_id: id, remittance_id };
}

type Asked = Readonly<{ by: MemberRole; body?: object; version?: string; key?: string }>;

/** Sends an action, with any version unless one is named. */
export const send = (
  { api, token }: Desk,
  path: string,
  { by, body, version = "*", key }: Asked,
): Promise<Response> =>
  api.send("POST", `/api/v1${path}`, {
    token: token[by],
    headers: { "if-match": version, ...(key === undefined ? {} : { "idempotency-key": key }) },
    ...(body === undefined ? {} : { body }),
  });

/** The row that an answer brings, which must be of this status. */
export async function rowOf<T>(answer: Response | Promise<Response>, status = 200): Promise<T> {
  const response = await answer;
  expect(`${response.status} ${response.ok ? "" : await response.clone().text()}`).toBe(`${status} `);
  return (await response.json()) as T;
}

/** Reads what is cached, as a role sees it. */
export const read = <T>({ api, token }: Desk, path: string, by: MemberRole = "owner"): Promise<T> =>
  rowOf<T>(api.send("GET", `/api/v1${path}`, { token: token[by] }));

/** Whose of some rows a role finds in a list. */
export async function seenBy<M extends string>(
  desk: Desk,
  path: string,
  { rows, by }: { rows: Readonly<Record<M, { id: string }>>; by: MemberRole },
): Promise<M[]> {
  const { data } = await read<Page<{ id: string }>>(desk, `${path}?limit=200`, by);
  const ids = new Set(data.map(({ id }) => id));
  return (Object.keys(rows) as M[]).filter((maker) => ids.has(rows[maker].id));
}

/** What an agent holds and owes, and how much more they may hold, in minor units; null: as much as comes. */
export async function cashOf(
  { sql, alpha }: TestApp,
  agent_id: string,
): Promise<{ cash: number; owes: number; ceiling: number | null }> {
  const [row] =
    await sql`select c.posted::float8 as cash, r.posted::float8 as owes, b.max_balance::float8 as ceiling
    from savings.agents g
    join ledger.account_balances c on c.business_id = g.business_id and c.id = g.cash_id
    join ledger.account_balances r on r.business_id = g.business_id and r.id = g.receivable_id
    join ledger.balances b on b.business_id = g.business_id and b.account_id = g.cash_id
    where g.business_id = ${alpha.id} and g.id = ${agent_id}`;
  return row ?? { cash: 0, owes: 0, ceiling: null };
}

/** Asks while somebody else holds an agent's cash, so that all who ask have begun before the first of them ends. */
export async function whileCashIsHeld<T>(
  { sql }: TestApp,
  agent_id: string,
  ask: () => Promise<T>,
): Promise<T> {
  const { asked } = await sql.begin(async (transaction: SQL) => {
    await transaction`select from ledger.balances b
      join savings.agents g on g.business_id = b.business_id and g.cash_id = b.account_id
      where g.id = ${agent_id} for update of b`;
    const waiting = ask();
    await Bun.sleep(200);
    return { asked: waiting };
  });
  return asked;
}

/** What an account of the house holds, by its code, in minor units. */
export async function houseOf({ sql, alpha }: TestApp, code: string): Promise<number> {
  const [row] =
    await sql`select posted::float8 as posted from ledger.account_balances where business_id = ${alpha.id} and code = ${code}`;
  return row?.posted ?? 0;
}

/** What a remittance expects, in minor units, as the database has it. */
export async function expectedOf({ sql }: TestApp, remittance_id: string): Promise<number> {
  const [row] =
    await sql`select expected::float8 as expected from savings.remittances where id = ${remittance_id}`;
  return row.expected as number;
}

/** Uploads a file of a member. Returns its id. */
export async function uploadReceipt({ api, token }: Desk, by: MemberRole): Promise<string> {
  const body = new FormData();
  body.set("file", new File(["paid"], "receipt.txt", { type: "text/plain" }));
  const stored = await rowOf<{ id: string }>(
    api.send("POST", "/api/v1/files", { token: token[by], body }),
    201,
  );
  return stored.id;
}
