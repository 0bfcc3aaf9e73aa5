import type { SQL } from "bun";
import { seeded } from "../../cache/chaos/random.ts";
import { type Account, LedgerModel, type Operation, type Outcome } from "./model.ts";
import { accountsOf, OperationDraw } from "./operations.ts";
import runner from "./runner.sql" with { type: "text" };

/** How far a run goes, and how closely it looks. */
export type PropertyRun = Readonly<{
  seed: number;
  /** Operations that each of the two ways does. */
  operations: number;
  /** Operations on one set of accounts. */
  per_episode: number;
  /** Postings of a batch at most. */
  batch_most: number;
  /** Whether sums, floors and balances are proven after each single operation, and not only with the rest. */
  check_each: boolean;
  /** All that must hold (`ledger.verify`) is proven after so many batches. */
  verify_every: number;
  say?: (line: string) => void;
}>;

/** What a run met: how many operations, and how often each outcome. */
export type Met = Map<string, number>;

/** Makes what runs the operations; once in a database. */
export const installRunner = (sql: SQL): Promise<unknown> => sql.unsafe(runner).simple();

/**
 * Does the same random operations in three ways: in the model, one by one, and in batches whose connections take turns
 * (each has its shards). All three must agree on every outcome and every figure.
 *
 * @throws Error that names the seed and the episode
 */
export async function runEpisodes(
  connections: readonly SQL[],
  { seed, operations, say, ...rest }: PropertyRun,
): Promise<Met> {
  const met: Met = new Map();
  let done = 0;
  for (let episode = 0; done < operations; episode += 1) {
    const random = seeded(seed + episode);
    try {
      done += await runEpisode({ connections, random, met, ...rest });
    } catch (error) {
      throw new Error(`seed ${seed}, episode ${episode}: ${String(error)}`, { cause: error });
    }
    if (episode % 20 === 19) say?.(`${done} operations`);
  }
  return met;
}

type Episode = Readonly<{ connections: readonly SQL[]; random: () => number; met: Met }> &
  Pick<PropertyRun, "per_episode" | "batch_most" | "check_each" | "verify_every">;

async function runEpisode(episode: Episode): Promise<number> {
  const { connections, random, per_episode, batch_most, check_each, verify_every, met } = episode;
  const [first] = connections as [SQL];
  const newId = () => uuidOf(random);
  const accounts = accountsOf(random, newId);
  const [together, by_one] = [newId(), newId()];
  for (const business_id of [together, by_one]) await makeAccounts(first, business_id, accounts, random);
  const model = new LedgerModel(accounts);
  const draw = new OperationDraw(random, newId, accounts);
  let done = 0;
  for (let turn = 0; done < per_episode; turn += 1) {
    const operations = draw.batch(model, batch_most);
    done += operations.length;
    const sql = connections[turn % connections.length] as SQL;
    const expected = operations.map((operation) => model.apply(operation));
    count(met, operations, expected);
    const isBatch = operations.every((operation) => operation.do === "post");
    same(
      "one by one",
      await runOperations(sql, by_one, operations, { verify: check_each }),
      expected,
      operations,
    );
    same(
      "in a batch",
      await runOperations(sql, together, operations, { together: isBatch }),
      expected,
      operations,
    );
    const state = stateOfModel(model);
    for (const business_id of [by_one, together]) {
      same("state", await stateOf(sql, business_id), state, operations);
      if (turn % verify_every === 0) same("broken", await brokenOf(sql, business_id), [], operations);
    }
  }
  for (const business_id of [by_one, together])
    same("entries", await entriesOf(first, business_id), entriesOfModel(model), []);
  const expired = model.expireAll(newId);
  const [{ due }] = await first`select (ledger.expire_holds(10000, '-infinity')).expired as due`;
  same("expired", due, 2 * expired, []);
  for (const business_id of [by_one, together]) {
    same("state after expiry", await stateOf(first, business_id), stateOfModel(model), []);
    same("broken after expiry", await brokenOf(first, business_id), [], []);
  }
  return done;
}

async function makeAccounts(
  sql: SQL,
  business_id: string,
  accounts: readonly Account[],
  random: () => number,
): Promise<void> {
  const code = Array.from({ length: 8 }, () => String.fromCodePoint(65 + Math.floor(random() * 26))).join("");
  await sql`insert into core.businesses (id, code, name, currency, timezone)
    values (${business_id}, ${code}, 'Model', 'NGN', 'Africa/Lagos')`;
  for (const { id, code: account_code, kind, currency, shards, overdraft, ceiling } of accounts) {
    await sql`select ledger.ensure_account(${business_id}, ${account_code}, ${kind}::ledger.account_kind,
      ${currency}::char(3), ${shards}, ${overdraft}, ${id})`;
    if (ceiling !== null)
      await sql`update ledger.balances set max_balance = ${ceiling} where business_id = ${business_id} and account_id = ${id}`;
  }
}

/** Runs operations in a business: one by one, or postings together as a batch. */
export async function runOperations(
  sql: SQL,
  business_id: string,
  operations: readonly Operation[],
  { together = false, verify = false },
): Promise<Outcome[]> {
  const [row] = await sql`select ledger_test.run(${business_id}, ${JSON.stringify(operations)}::text::jsonb,
    ${together}, ${verify})::text as outcomes`;
  return JSON.parse(row.outcomes as string) as Outcome[];
}

async function stateOf(sql: SQL, business_id: string): Promise<unknown> {
  const [row] = await sql`select ledger_test.state(${business_id})::text as state`;
  return JSON.parse(row.state as string) as unknown;
}

async function brokenOf(sql: SQL, business_id: string): Promise<unknown[]> {
  const rows: { part: string; broken: string }[] =
    await sql`select part, broken from ledger.verify(${business_id})`;
  return rows.map(({ part, broken }) => `${part}: ${broken}`);
}

async function entriesOf(sql: SQL, business_id: string): Promise<unknown> {
  const [row] = await sql`select ledger_test.entries(${business_id})::text as entries`;
  return JSON.parse(row.entries as string) as unknown;
}

function stateOfModel(model: LedgerModel): unknown {
  const balances = [...model.money].map(([id, { posted, outgoing, incoming, version }]) => [
    id,
    `${posted} ${outgoing} ${incoming} ${version}`,
  ]);
  return {
    balances: Object.fromEntries(balances),
    used: model.usage(),
    transactions: model.transactions.size,
    entries: [...model.entries.values()].reduce((sum, entries) => sum + entries.length, 0),
  };
}

const entriesOfModel = (model: LedgerModel): unknown =>
  Object.fromEntries([...model.entries].filter(([, entries]) => entries.length > 0));

function count(met: Met, operations: readonly Operation[], outcomes: readonly Outcome[]): void {
  for (const [place, operation] of operations.entries()) {
    const what = "phase" in operation ? `${operation.do} ${operation.phase}` : operation.do;
    const name = `${what}: ${outcomes[place]?.refusal ?? "done"}`;
    met.set(name, (met.get(name) ?? 0) + 1);
  }
}

/** Throws where two sides differ; says what was done, and the first difference. */
function same(what: string, found: unknown, expected: unknown, operations: readonly Operation[]): void {
  if (Bun.deepEquals(found, expected)) return;
  throw new Error(
    `${what}: expected ${differing(expected, found)}, found ${differing(found, expected)}; after ${JSON.stringify(operations)}`,
  );
}

/** The members of one value that another has not, as JSON. */
function differing(value: unknown, other: unknown): string {
  if (typeof value !== "object" || value === null || typeof other !== "object" || other === null)
    return JSON.stringify(value);
  const unlike = Object.entries(value).filter(
    ([key, member]) => !Bun.deepEquals(member, (other as Record<string, unknown>)[key]),
  );
  return `{${unlike.map(([key, member]) => `${key}: ${differing(member, (other as Record<string, unknown>)[key])}`).join(", ")}}`;
}

/** A UUIDv7 from the seed's numbers. */
function uuidOf(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return `0199${hex.slice(4, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}
