import { pick } from "../../cache/chaos/random.ts";
import { connect } from "../../helpers/database.ts";
import { until } from "../../helpers/replicas.ts";
import type { Client, Fate } from "../fleet/client.ts";
import { askUntilDefinite, type Bank, CURRENCY, untilWell } from "./bank.ts";
import { signalIfAlive } from "../../helpers/signals.ts";
import { type Contended, type Effect, judgeContended } from "./judges.ts";
import { bodyOf } from "./mover.ts";
import { type Answered, type Asked, isOpen, type Movement, textOf } from "./movement.ts";

/** What one key is used for. */
const uses = ["transfer", "deposit", "withdrawal", "batch", "too much"] as const;
type Use = (typeof uses)[number];

const USERNAME = "chaos.owner";
/** Nobody has as much. */
const TOO_MUCH = 1_000_000_000;
/** Who uses the key of a lost answer afterwards. */
const ASKING_AGAIN = 20;

/** A key in the hands of many. `due`: movements that it makes. */
type Used = Readonly<{ asked: Asked; due: number; fates: readonly (Fate | null)[] }>;

/** Keys that were used by many at once, and what each was told. */
export class OneKey {
  readonly #bank: Bank;
  readonly #accounts: readonly string[];
  readonly #used: Used[] = [];

  /** Takes two accounts. */
  constructor(bank: Bank) {
    this.#bank = bank;
    this.#accounts = bank.take(2);
  }

  /** One request by key, for the proof of what everything has done. */
  get answers(): Answered[] {
    return this.#used.flatMap(({ asked, fates: [fate] }) => (fate ? [{ asked, fate }] : []));
  }

  /** Every key is sent by so many at once, through nginx and so to all replicas; who is told to wait asks again. */
  async contend({ keys, per_key }: Readonly<{ keys: number; per_key: number }>): Promise<void> {
    const client = this.#bank.fleet.client(30_000);
    await client.warm(per_key);
    for (let at = 0; at < keys; at += 1) {
      const use = uses[at % uses.length] ?? "transfer";
      const asked = this.#make(use);
      const fates = await this.#askAtOnce(client, asked, per_key);
      this.#used.push({ asked, due: use === "too much" ? 0 : asked.movements.length, fates });
    }
    client.close();
  }

  /** Loses an answer in this way, and asks for it again, many at once. */
  async lose(way: Way, random: () => number): Promise<void> {
    const asked = this.#make("transfer");
    const first = await loseAnswer(this.#bank, { asked, way, replica: pick(random, this.#bank.replicas) });
    const again = await this.#askAtOnce(this.#bank.client, asked, ASKING_AGAIN);
    const fates = isOpen(first) ? again : [first, ...again];
    this.#used.push({ asked, due: 1, fates });
    await untilWell(this.#bank);
  }

  /** @returns what is wrong */
  judge(effects: readonly Effect[]): string[] {
    const done = new Map<string, number>();
    for (const { mark } of effects) {
      const [key = ""] = mark.split("/");
      done.set(key, (done.get(key) ?? 0) + 1);
    }
    const keys: Contended[] = this.#used.map(({ asked: { key }, due, fates }) => ({
      key,
      answers: fates.map((fate) => (fate === null ? null : textOf(fate))),
      effects: done.get(key) ?? 0,
      effects_due: due,
    }));
    return judgeContended(keys);
  }

  #askAtOnce(client: Client, asked: Asked, count: number): Promise<(Fate | null)[]> {
    return Promise.all(Array.from({ length: count }, () => askUntilDefinite(this.#bank, client, asked)));
  }

  #make(use: Use): Asked {
    const [from = "", to = ""] = this.#accounts;
    const key = crypto.randomUUID();
    const shared = { key, username: USERNAME };
    if (use === "deposit" || use === "withdrawal") {
      const [source, target] = use === "deposit" ? [null, to] : [from, null];
      const movement: Movement = { mark: key, kind: use, from: source, to: target, amount: 1 };
      const body = { account_id: source ?? target, amount: 1, currency: CURRENCY, memo: key };
      return { ...shared, path: `/api/v1/${use}s`, body, movements: [movement], is_atomic: false };
    }
    const amount = use === "too much" ? TOO_MUCH : 1;
    const make = (mark: string): Movement => ({ mark, kind: "internal", from, to, amount });
    if (use === "batch") {
      const movements = [make(`${key}/0`), make(`${key}/1`)];
      const body = { atomic: true, items: movements.map(bodyOf) };
      return { ...shared, path: "/api/v1/transfers/batch", body, movements, is_atomic: true };
    }
    const movement = make(key);
    return {
      ...shared,
      path: "/api/v1/transfers",
      body: bodyOf(movement),
      movements: [movement],
      is_atomic: false,
    };
  }
}

/** How an answer is lost: with its replica or its connection to the database after the commit, or before. */
export const ways = [
  "the replica killed after the commit",
  "its connection ended after the commit",
  "its connection ended before the commit",
] as const;
type Way = (typeof ways)[number];

/**
 * Holds the paying account until the statement waits for it, stops the replica where it must not hear of the commit, and
 * lets go: what is done then is done between the commit and the answer.
 *
 * @returns what the client was told
 */
async function loseAnswer(
  bank: Bank,
  { asked, way, replica }: Readonly<{ asked: Asked; way: Way; replica: string }>,
): Promise<Fate> {
  const { fleet } = bank;
  const pid = (await fleet.status()).replicas.find(({ name }) => name === replica)?.pid ?? null;
  if (pid === null) throw new Error(`${replica} does not run`);
  await using holder = connect(fleet.database_url);
  await using watcher = connect(fleet.database_url);
  const [movement] = asked.movements;
  if (movement === undefined) throw new RangeError("nothing is asked for");
  const { from, mark } = movement;
  const before = way === "its connection ended before the commit";
  let backend = 0;
  // In an object: the answer itself is not to be waited for here.
  const { sent } = await holder.begin(async (transaction) => {
    await transaction`select from ledger.balances b where b.account_id = ${from} for update`;
    const asking = { sent: bank.direct(replica).send(bank.text(asked)) };
    await until("the statement waits for the account", async () => {
      const [row] = await watcher`select pid from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()`;
      backend = (row as { pid: number } | undefined)?.pid ?? 0;
      return backend !== 0;
    });
    if (before) await watcher`select pg_terminate_backend(${backend}::int, 5000)`;
    else signalIfAlive(pid, "SIGSTOP");
    return asking;
  });
  if (before) return sent;
  try {
    await until("it is committed", async () => {
      const rows = await watcher`select from bank.transfers t where t.memo = ${mark}`;
      return rows.length > 0;
    });
    if (way === "the replica killed after the commit") signalIfAlive(pid, "SIGKILL");
    else await watcher`select pg_terminate_backend(${backend}::int, 5000)`;
  } finally {
    signalIfAlive(pid, "SIGCONT");
  }
  return sent;
}
