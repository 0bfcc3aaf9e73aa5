import { loginText } from "./traffic.ts";
import type { Fleet } from "./rig.ts";
import { requestText, type Client } from "./client.ts";
import { password } from "../../helpers/fixtures.ts";

const ANSWER_MAX_MS = 10_000;
const WINDOW_MS = 60_000;
const somebody = { username: "chaos.owner", password };

/** Names of the replicas. */
export async function namesOf(fleet: Fleet): Promise<string[]> {
  return (await fleet.status()).replicas.map(({ name }) => name);
}

/** The most that stood within one window of a minute; instants in milliseconds, in order. */
export function mostInAMinute(instants: readonly number[]): number {
  let from = 0;
  let most = 0;
  for (const [at, instant] of instants.entries()) {
    while (instant - (instants[from] ?? instant) >= WINDOW_MS) from += 1;
    most = Math.max(most, at - from + 1);
  }
  return most;
}

/** Somebody who tries to log in again and again, from one address, on each replica in turn. */
export class Guesser {
  /** When logins were let in. */
  readonly accepted: number[] = [];
  refused = 0;
  readonly #clients: readonly Client[];
  readonly #address: string;
  readonly #gap_ms: number;
  #running: Promise<void> | null = null;
  #ended = false;

  constructor(clients: readonly Client[], options: { address: string; gap_ms: number }) {
    this.#clients = clients;
    this.#address = options.address;
    this.#gap_ms = options.gap_ms;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#running;
    for (const client of this.#clients) client.close();
  }

  async #run(): Promise<void> {
    const text = loginText(somebody, this.#address);
    const open = new Set<Promise<void>>();
    for (let turn = 0; !this.#ended; turn += 1) {
      const client = this.#clients[turn % this.#clients.length];
      const sent = client?.send(text).then(({ status }) => {
        if (status === 200) this.accepted.push(performance.now());
        else if (status === 429) this.refused += 1;
      });
      if (sent !== undefined) {
        open.add(sent);
        void sent.finally(() => open.delete(sent));
      }
      await Bun.sleep(this.#gap_ms);
    }
    await Promise.all(open);
  }
}

/** A session, ended on one replica while all are asked whether it still holds. */
export type Revocation = Readonly<{
  /** From when logout was asked for until it was answered. */
  took_ms: number;
  /** From when logout was answered until the beginning of the last request that was let in after that; 0 for none. */
  late_ms: number;
  /** Replicas that did not say that it had ended when the time was over. */
  open: readonly string[];
}>;

const REFUSED_WITHIN_MS = 3_000;

/** Logs in and out on the first of these replicas, then asks each until it refuses. @throws when no session can be had */
export async function revokeSession(
  fleet: Fleet,
  names: readonly string[],
  address: string,
): Promise<Revocation> {
  const clients = names.map((name) => fleet.direct(name, ANSWER_MAX_MS));
  const [first] = clients;
  if (first === undefined) throw new Error("there is no replica");
  const login = await first.send(loginText(somebody, address));
  if (login.status !== 200) throw new Error(`login answered ${login.status || login.failure}: ${login.body}`);
  const { access_token: token } = JSON.parse(login.body) as { access_token: string };
  const me = requestText({ method: "GET", path: "/api/v1/me", token });
  // Twice: whoever may believe a token now has reason to.
  for (const client of [...clients, ...clients]) await client.send(me);
  const asked = performance.now();
  const logout = await first.send(requestText({ method: "POST", path: "/api/v1/auth/logout", token }));
  if (logout.status !== 204) throw new Error(`logout answered ${logout.status}: ${logout.body}`);
  const answered = performance.now();
  let late_ms = 0;
  const open = await Promise.all(
    clients.map(async (client, at) => {
      while (performance.now() - answered < REFUSED_WITHIN_MS) {
        const began = performance.now();
        const { status } = await client.send(me);
        if (status === 401) return null;
        if (status === 200) late_ms = Math.max(late_ms, began - answered);
        await Bun.sleep(2);
      }
      return names[at] ?? null;
    }),
  );
  for (const client of clients) client.close();
  return { took_ms: answered - asked, late_ms, open: open.filter((name) => name !== null) };
}
