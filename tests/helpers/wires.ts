import { expect } from "bun:test";
import type { MemberRole, WireStatus } from "../../src/platform/enums.ts";
import { type WireMove, wireMoves } from "../../src/bank/wire-moves.ts";
import type { TestApp } from "./app.ts";
import { openAccount, type TestAccount } from "./bank.ts";

/** What an answer says of a wire, as far as tests look into it. */
export type Wire = {
  id: string;
  status: WireStatus;
  amount: number;
  fee: number;
  currency: string;
  target_amount: number;
  target_currency: string;
  fx_rate: string | null;
  network_ref: string | null;
  needs_review: boolean | null;
  screening_score: number | null;
  screening_hits: { name: string; score: number }[] | null;
  rejection_reason: string | null;
  approved_by: string | null;
  reviewed_by: string | null;
  version: number;
  events: {
    from_status: WireStatus | null;
    to_status: WireStatus;
    actor_user_id: string;
    note: string | null;
  }[];
};

/** Names that are watched for make a wire wait for a review. */
export const watchedName = "Viktor Maslov";

/** A business whose wires are tested: an account with money, two beneficiaries, a token for every role. */
export type Desk = Readonly<{
  api: TestApp;
  account: TestAccount;
  /** `plain` needs no review below the threshold, `watched` always does. */
  beneficiaries: Readonly<{ plain: string; watched: string }>;
  token: Readonly<Record<MemberRole, string>>;
}>;

/** Opens an account, and says whom its customer pays. */
export async function openDesk(api: TestApp, balance = 1_000_000_000): Promise<Desk> {
  const { sql, alpha } = api;
  const account = await openAccount(sql, alpha, { balance });
  await sql`insert into bank.watchlist (business_id, name, source) values (${alpha.id}, ${watchedName}, 'test')
    on conflict do nothing`;
  const [plain, watched] = await Promise.all(
    ["Blau Maschinenbau GmbH", `${watchedName} Trading`].map((name) =>
      makeBeneficiary(api, account.customer_id, name),
    ),
  );
  const people = Object.values(alpha.people);
  const tokens = await Promise.all(
    people.map(async (person) => [person.role, await api.token(person)] as const),
  );
  return {
    api,
    account,
    beneficiaries: { plain: plain ?? "", watched: watched ?? "" },
    token: Object.fromEntries(tokens) as Record<MemberRole, string>,
  };
}

/** A beneficiary of a customer, straight in the database. */
export async function makeBeneficiary(
  { sql, alpha }: Pick<TestApp, "sql" | "alpha">,
  customer_id: string,
  name = "Blau Maschinenbau GmbH",
): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`insert into bank.beneficiaries (business_id, id, customer_id, name, bank_name, bic, iban_or_account, country)
    values (${alpha.id}, ${id}, ${customer_id}, ${name}, 'Commerzbank', 'COBADEFF',
      ${id.replaceAll("-", "").toUpperCase().slice(0, 30).replace(/^/, "0X")}, 'DE')`;
  return id;
}

type Asked = Readonly<{
  amount?: number;
  currency?: string;
  to?: "plain" | "watched";
  by?: MemberRole;
  key?: string;
}>;

/** Asks for a wire. */
export const requestWire = (desk: Desk, asked: Asked = {}): Promise<Response> => {
  const { amount = 10_000, currency = "NGN", to = "plain", by = "owner", key = crypto.randomUUID() } = asked;
  return desk.api.send("POST", "/api/v1/wire-transfers", {
    token: desk.token[by],
    headers: { "idempotency-key": key },
    body: {
      account_id: desk.account.account_id,
      beneficiary_id: desk.beneficiaries[to],
      amount,
      currency,
      purpose_code: "SUPP",
    },
  });
};

/** Makes a wire, which must succeed. */
export async function makeWire(desk: Desk, asked: Asked = {}): Promise<Wire> {
  const response = await requestWire(desk, asked);
  expect(response.status).toBe(201);
  return (await response.json()) as Wire;
}

/** Sends a decision. */
export const decide = (
  { api, token }: Desk,
  id: string,
  action: string,
  { by, version = "*", body }: { by: MemberRole; version?: string; body?: object },
): Promise<Response> =>
  api.send("POST", `/api/v1/wire-transfers/${id}/${action}`, {
    token: token[by],
    headers: { "if-match": version },
    body: body ?? (["hold", "reject", "return"].includes(action) ? { reason: "Because" } : {}),
  });

/** Who makes a move in tests: wires are made by the owner, and approved by a manager. */
export function actorOf({ action, roles, only_creator, from }: WireMove): MemberRole {
  if (only_creator === true) return "owner";
  if (action === "approve" && from === "pending_approval") return "manager";
  return roles.find((role) => role !== "owner" && role !== "manager") ?? "manager";
}

/** The moves that lead from a new wire, which has to be reviewed, to a status. */
export function pathTo(status: WireStatus): WireMove[] {
  const paths = new Map<WireStatus, WireMove[]>([["pending_approval", []]]);
  // A map is walked in the order in which it grows: breadth first.
  for (const [reached, path] of paths)
    for (const move of wireMoves as readonly WireMove[])
      if (move.from === reached && !paths.has(move.to)) paths.set(move.to, [...path, move]);
  const path = paths.get(status);
  if (path === undefined) throw new Error(`nothing leads to ${status}`);
  return path;
}

/** Makes a wire and brings it into a status. */
export async function makeWireIn(desk: Desk, status: WireStatus): Promise<Wire> {
  let wire = await makeWire(desk, { to: "watched" });
  for (const move of pathTo(status)) {
    const response = await decide(desk, wire.id, move.action, { by: actorOf(move) });
    expect(response.status).toBe(200);
    wire = (await response.json()) as Wire;
  }
  expect(wire.status).toBe(status);
  return wire;
}

export type Money = Readonly<Record<"posted" | "available" | "day" | "month" | "wire_day", number>>;

/** What an account has, what of it can be spent, and what it has used of its limits today, in minor units. */
export async function moneyOf({ api, account }: Desk): Promise<Money> {
  const [row] =
    await api.sql`select a.posted::float8 as posted, a.available::float8 as available, u.day::float8 as day,
      u.month::float8 as month, u.wire_day::float8 as wire_day
    from ledger.account_balances a,
      bank.usage_of(a.business_id, a.id, core.business_today(a.business_id)) u
    where a.business_id = ${api.alpha.id} and a.id = ${account.account_id}`;
  return row as Money;
}

/** What every currency of the business's ledger is out of balance by, posted and held, and balances that are not their entries. */
export async function imbalances({ sql, alpha }: TestApp): Promise<unknown[]> {
  const off = await sql`select a.currency, sum(b.posted_debit - b.posted_credit)::float8 as posted,
      sum(b.pending_debit - b.pending_credit)::float8 as pending
    from ledger.balances b join ledger.accounts a on a.business_id = b.business_id and a.id = b.account_id
    where b.business_id = ${alpha.id} group by a.currency
    having sum(b.posted_debit - b.posted_credit) <> 0 or sum(b.pending_debit - b.pending_credit) <> 0`;
  const moved = await sql`select b.account_id from ledger.balances b join ledger.recount r
      on r.business_id = b.business_id and r.account_id = b.account_id and r.shard = b.shard
    where b.business_id = ${alpha.id} and (b.posted_debit, b.posted_credit, b.pending_debit, b.pending_credit)
      <> (r.posted_debit, r.posted_credit, r.pending_debit, r.pending_credit)`;
  return [...off, ...moved];
}
