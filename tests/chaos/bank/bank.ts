import { connect } from "../../helpers/database.ts";
import { until } from "../../helpers/replicas.ts";
import { type Client, type Fate, requestText } from "../fleet/client.ts";
import { namesOf } from "../fleet/logins.ts";
import { type Fleet, startFleet } from "../fleet/rig.ts";
import { openAccounts } from "./ledger.ts";
import { type Asked, isOpen } from "./movement.ts";

/** Accounts that only move money between each other, and those where money comes and goes at the counter, too. */
const CLOSED = 90;
const COUNTER = 10;
/** Little enough that transfers are refused now and then. */
export const BALANCE = 10_000;
const ANSWER_MAX_MS = 10_000;
/** Longer than any run: nobody's login ends in it. */
const TOKEN_TTL_S = 86_400;

export const CURRENCY = "NGN";

/** A fleet with a bank in it. */
export type Bank = Readonly<{
  fleet: Fleet;
  business_id: string;
  closed: readonly string[];
  counter: readonly string[];
  /** Accounts for who needs some of their own; each is given out once. */
  take(count: number): readonly string[];
  /** Those above and those to be given out. */
  accounts: number;
  /** What is in all closed accounts together, minor units. */
  closed_total: number;
  /** The names of the replicas, and a client of each, which nobody closes before the end. */
  replicas: readonly string[];
  direct(replica: string): Client;
  /** Through nginx. */
  client: Client;
  /** A token of this person, one of their sessions'. */
  token(username: string): string;
  text(asked: Asked): string;
  stop(): Promise<void>;
}>;

/** Starts a fleet, and opens accounts with money in it; `own` is how many can be taken. */
export async function startBank(options: { replicas: number; own: number }): Promise<Bank> {
  const fleet = await startFleet({
    replicas: options.replicas,
    env: { ACCESS_TOKEN_TTL_S: String(TOKEN_TTL_S) },
    redis_network: true,
  });
  try {
    return await openBank(fleet, options.own);
  } catch (error) {
    await fleet.stop();
    throw error;
  }
}

async function openBank(fleet: Fleet, own: number): Promise<Bank> {
  await using sql = connect(fleet.database_url);
  const [row] = await sql`select id from core.businesses where code = 'CHAOS'`;
  const { id: business_id } = row as { id: string };
  const count = CLOSED + COUNTER + own;
  const ids = await openAccounts(sql, { business_id, count, balance: BALANCE });
  const replicas = await namesOf(fleet);
  const clients = new Map(replicas.map((name) => [name, fleet.direct(name, ANSWER_MAX_MS)]));
  const client = fleet.client(ANSWER_MAX_MS);
  const free = ids.slice(CLOSED + COUNTER);
  const token = (username: string): string => {
    const member = fleet.members.find((one) => one.username === username);
    if (member === undefined) throw new Error(`${username} is not logged in`);
    return member.access_token;
  };
  return {
    fleet,
    business_id,
    closed: ids.slice(0, CLOSED),
    counter: ids.slice(CLOSED, CLOSED + COUNTER),
    take(count) {
      if (free.length < count) throw new RangeError("no account is left");
      return free.splice(0, count);
    },
    accounts: ids.length,
    closed_total: CLOSED * BALANCE,
    replicas,
    direct(replica) {
      const direct = clients.get(replica);
      if (direct === undefined) throw new RangeError(`there is no replica ${replica}`);
      return direct;
    },
    client,
    token,
    text: ({ key, username, path, body }) =>
      requestText({
        method: "POST",
        path,
        token: token(username),
        headers: { "Idempotency-Key": key },
        body,
      }),
    async stop() {
      for (const each of [client, ...clients.values()]) each.close();
      await fleet.stop();
    },
  };
}

/** Until every replica answers that it is ready, and nginx too. */
export async function untilWell({ fleet, replicas, direct, client }: Bank, limit_ms = 60_000): Promise<void> {
  const probe = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const clients = [client, ...replicas.map(direct)];
  await until(
    "all replicas are ready",
    async () => {
      const status = await fleet.status();
      if (status.replicas.some(({ pid }) => pid === null)) return false;
      const fates = await Promise.all(clients.map((each) => each.send(probe)));
      return fates.every((fate) => fate.status === 200);
    },
    limit_ms,
  );
}

const PAUSE_MS = 100;
const TRIES = 600;

/** Asks again under the same key until the answer is definite, for about a minute. @returns null when it never is */
export async function askUntilDefinite(
  bank: Pick<Bank, "text">,
  client: Client,
  asked: Asked,
): Promise<Fate | null> {
  const text = bank.text(asked);
  for (let at = 0; at < TRIES; at += 1) {
    const fate = await client.send(text);
    if (!isOpen(fate)) return fate;
    await Bun.sleep(PAUSE_MS);
  }
  return null;
}
