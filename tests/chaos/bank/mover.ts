import { between, pick } from "../../cache/chaos/random.ts";
import type { Client } from "../fleet/client.ts";
import { type Bank, CURRENCY } from "./bank.ts";
import type { Answered, Asked, Movement } from "./movement.ts";

const TICK_MS = 5;
/** Beyond it nothing is sent until something is answered. */
const UNDER_WAY_MAX = 400;
const people = ["chaos.owner", "chaos.admin", "chaos.manager"] as const;
const AMOUNT_MAX = 3_000;
/** More than most accounts have. */
const TOO_MUCH = 60_000;

/** Moves money all the time, and keeps every request with its fate; nothing is sent twice. */
export class Mover {
  readonly answers: Answered[] = [];
  readonly #bank: Bank;
  readonly #random: () => number;
  readonly #per_second: number;
  readonly #open = new Set<Promise<void>>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #sent = 0;

  constructor(bank: Bank, options: Readonly<{ per_second: number; random: () => number }>) {
    this.#bank = bank;
    this.#random = options.random;
    this.#per_second = options.per_second;
  }

  start(): void {
    const began_ms = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - began_ms) / 1_000) * this.#per_second;
      for (; this.#sent < due && this.#open.size < UNDER_WAY_MAX; this.#sent += 1) {
        const sent = this.#send().finally(() => this.#open.delete(sent));
        this.#open.add(sent);
      }
      // What could not be sent is not made up for.
      this.#sent = Math.max(this.#sent, Math.floor(due));
    }, TICK_MS);
  }

  /** Sends no more, and waits for what is under way. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#open);
  }

  async #send(): Promise<void> {
    const asked = makeRequest(this.#bank, this.#random);
    const fate = await this.#client().send(this.#bank.text(asked));
    this.answers.push({ asked, fate });
  }

  /** Mostly nginx, which asks another replica when one is lost; a replica itself loses the answer. */
  #client(): Client {
    const { client, direct, replicas } = this.#bank;
    return this.#random() < 0.6 ? client : direct(pick(this.#random, replicas));
  }
}

/** Any request that moves money. */
export function makeRequest(bank: Pick<Bank, "closed" | "counter">, random: () => number): Asked {
  const key = crypto.randomUUID();
  const username = pick(random, people);
  const chance = random();
  if (chance < 0.12) {
    const is_atomic = random() < 0.4;
    const movements = Array.from({ length: between(random, 2, 8) }, (_, at) =>
      betweenAccounts(bank.closed, random, `${key}/${at}`),
    );
    const body = { atomic: is_atomic, items: movements.map(bodyOf) };
    return { key, username, path: "/api/v1/transfers/batch", body, movements, is_atomic };
  }
  const single = { key, username, is_atomic: false };
  if (chance < 0.32) {
    const account = pick(random, bank.counter);
    const is_deposit = random() < 0.5;
    const movement: Movement = {
      mark: key,
      kind: is_deposit ? "deposit" : "withdrawal",
      from: is_deposit ? null : account,
      to: is_deposit ? account : null,
      amount: amountOf(random),
    };
    const { amount } = movement;
    const body = { account_id: account, amount, currency: CURRENCY, memo: key };
    return { ...single, path: `/api/v1/${movement.kind}s`, body, movements: [movement] };
  }
  const movement = betweenAccounts(chance < 0.4 ? bank.counter : bank.closed, random, key);
  return { ...single, path: "/api/v1/transfers", body: bodyOf(movement), movements: [movement] };
}

const amountOf = (random: () => number): number =>
  between(random, 1, random() < 0.04 ? TOO_MUCH : AMOUNT_MAX);

/** One in ten is about the first of the accounts, which everybody waits for then. */
function betweenAccounts(accounts: readonly string[], random: () => number, mark: string): Movement {
  const from = random() < 0.1 ? (accounts[0] ?? "") : pick(random, accounts);
  const to = pick(
    random,
    accounts.filter((id) => id !== from),
  );
  return { mark, kind: "internal", from, to, amount: amountOf(random) };
}

/** A transfer as it is asked for. */
export const bodyOf = ({ mark, from, to, amount }: Movement) => ({
  from_account_id: from,
  to_account_id: to,
  amount,
  currency: CURRENCY,
  memo: mark,
});
