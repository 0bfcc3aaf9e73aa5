import { between, pick } from "../../cache/chaos/random.ts";
import { getText } from "../fleet/rig.ts";
import { askUntilDefinite, type Bank } from "./bank.ts";
import type { Pairs } from "./judges.ts";
import { bodyOf } from "./mover.ts";
import { type Answered, type Asked, claimsOf, isOpen, type Movement } from "./movement.ts";

const USERNAME = "chaos.manager";
const AMOUNT_MAX = 50;

type Balance = { posted: number; available: number };
/** Accounts that nobody else writes, with what is in them. */
type Own = { id: string; posted: number }[];

/** Moves money on one replica and, once that is acknowledged, reads both balances on every other one, at once. */
export class PairReader {
  readonly answers: Answered[] = [];
  #right = 0;
  #unanswered = 0;
  readonly #old: string[] = [];
  readonly #bank: Bank;
  readonly #random: () => number;
  readonly #owned: readonly Own[];
  #ended = false;
  #running: Promise<unknown> = Promise.resolve();

  /** Takes two accounts for each worker, with `balance` in each. */
  constructor(bank: Bank, options: Readonly<{ workers: number; balance: number; random: () => number }>) {
    this.#bank = bank;
    this.#random = options.random;
    this.#owned = Array.from({ length: options.workers }, () =>
      bank.take(2).map((id) => ({ id, posted: options.balance })),
    );
  }

  get pairs(): Pairs {
    return { right: this.#right, old: this.#old, unanswered: this.#unanswered };
  }

  start(): void {
    this.#running = Promise.all(this.#owned.map((own) => this.#work(own)));
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }

  /** Until so many pairs are read, or the time is over. */
  async read(count: number, limit_ms: number): Promise<void> {
    const end_ms = performance.now() + limit_ms;
    this.start();
    while (this.#right + this.#old.length < count && performance.now() < end_ms) await Bun.sleep(20);
    await this.stop();
  }

  async #work(own: Own): Promise<void> {
    const { replicas, direct, client, text } = this.#bank;
    while (!this.#ended) {
      const asked = this.#make(own);
      const here = pick(this.#random, replicas);
      const first = await direct(here).send(text(asked));
      const fate = isOpen(first) ? await askUntilDefinite(this.#bank, client, asked) : first;
      this.answers.push({ asked, fate: fate ?? first });
      const [claim] = fate === null ? [] : (claimsOf({ asked, fate }) ?? []);
      if (claim?.is_posted !== true) {
        this.#old.push(`${asked.key} was not posted: ${fate?.status} ${fate?.body.slice(0, 200)}`);
        return;
      }
      for (const movement of asked.movements)
        for (const account of own)
          account.posted += account.id === movement.from ? -movement.amount : movement.amount;
      const others = replicas.filter((name) => name !== here);
      await Promise.all(others.flatMap((name) => own.map((account) => this.#look(name, account, here))));
    }
  }

  async #look(replica: string, { id, posted }: Own[number], written_on: string): Promise<void> {
    const { direct, token } = this.#bank;
    const fate = await direct(replica).send(getText(`/api/v1/accounts/${id}/balance`, token(USERNAME)));
    if (isOpen(fate)) {
      this.#unanswered += 1;
      return;
    }
    const balance = fate.status === 200 ? (JSON.parse(fate.body) as Balance) : null;
    if (balance?.posted === posted && balance.available === posted) this.#right += 1;
    else
      this.#old.push(
        `${id} has ${posted} by ${written_on}, ${replica} shows ${balance?.posted ?? `${fate.status} ${fate.body.slice(0, 200)}`}`,
      );
  }

  /** From the one that has more, so that there is always enough. */
  #make(own: Own): Asked {
    const [from, to] = own.toSorted((a, b) => b.posted - a.posted);
    const key = crypto.randomUUID();
    const movement: Movement = {
      mark: key,
      kind: "internal",
      from: from?.id ?? null,
      to: to?.id ?? null,
      amount: between(this.#random, 1, AMOUNT_MAX),
    };
    const path = "/api/v1/transfers";
    return { key, username: USERNAME, path, body: bodyOf(movement), movements: [movement], is_atomic: false };
  }
}
