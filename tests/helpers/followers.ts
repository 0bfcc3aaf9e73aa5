import type { SQL } from "bun";
import { createTokens } from "../../src/http/tokens.ts";

/** A person with a budget, logged in. */
export type BudgetOwner = Readonly<{ budget_id: string; user_id: string; token: string }>;

/** Makes clerks of a business, each with a budget (version 1) and a session of an hour. */
export async function makeBudgetOwners(
  sql: SQL,
  options: { business_id: string; count: number; secret: string },
): Promise<BudgetOwner[]> {
  const { business_id, count, secret } = options;
  const rows: { user_id: string; session_id: string; budget_id: string }[] = await sql`
    with people as materialized (
      select gen_random_uuid() as user_id, gen_random_uuid() as session_id, gen_random_uuid() as budget_id, g
      from generate_series(1, ${count}::int) g),
    users as (
      insert into core.users (id, username, full_name, password_hash)
      select user_id, 'follower.' || user_id, 'Follower ' || g, 'none' from people),
    members as (
      insert into core.memberships (business_id, user_id, role)
      select ${business_id}::uuid, user_id, 'clerk' from people),
    sessions as (
      insert into core.sessions (id, user_id, active_business_id, idle_expires_at, expires_at)
      select session_id, user_id, ${business_id}::uuid, now() + interval '1 day', now() + interval '1 day' from people),
    budgets as (
      insert into budget.budgets (business_id, id, owner_id, name, currency, timezone, first_month)
      select ${business_id}::uuid, budget_id, user_id, 'Home', 'NGN', 'Africa/Lagos', '2026-01-01' from people)
    select user_id, session_id, budget_id from people`;
  const tokens = createTokens({ secret, ttl_s: 3_600, now: () => Date.now() });
  return Promise.all(
    rows.map(async ({ user_id, session_id, budget_id }) => ({
      budget_id,
      user_id,
      token: await tokens.issue({ sub: user_id, sid: session_id, bid: business_id }),
    })),
  );
}

type Frame = { type: string; seq?: number; data?: { version?: number; reset?: boolean } };

const RECONNECT_MS = 200;

/**
 * A client that follows a budget: when its socket ends it comes back, to the next server, with the last number it saw. Every
 * version must come once and in order.
 */
export class Follower {
  /** The last version it was told. */
  version = 1;
  /** Events that were not the next version. */
  wrong: string[] = [];
  connections = 0;
  readonly #owner: BudgetOwner;
  readonly #urls: readonly string[];
  readonly #told: (version: number) => void;
  #since: number | null = null;
  #socket: WebSocket | null = null;
  #entered: (() => void) | null = null;
  #isClosed = false;
  #next: number;

  constructor(
    owner: BudgetOwner,
    options: { urls: readonly string[]; first: number; told?: (version: number) => void },
  ) {
    this.#owner = owner;
    this.#urls = options.urls;
    this.#next = options.first;
    this.#told = options.told ?? (() => {});
  }

  /** Settles when it listens for the first time. */
  open(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#entered = resolve;
    this.#connect();
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
  }

  #connect(): void {
    const url = this.#urls[this.#next++ % this.#urls.length] ?? "";
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/api/v1/ws`);
    this.#socket = socket;
    this.connections += 1;
    const topic = `budget:${this.#owner.budget_id}`;
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ type: "auth", token: this.#owner.token }));
      socket.send(
        JSON.stringify({ type: "sub", topic, ...(this.#since === null ? {} : { since_seq: this.#since }) }),
      );
    });
    socket.addEventListener("message", ({ data }) => this.#hear(JSON.parse(String(data)) as Frame));
    socket.addEventListener("close", () => {
      if (!this.#isClosed) setTimeout(() => this.#connect(), RECONNECT_MS * (0.5 + Math.random()));
    });
    // A close follows.
    socket.addEventListener("error", () => {});
  }

  #hear({ type, seq, data }: Frame): void {
    if (type === "error") this.wrong.push(JSON.stringify(data));
    if (seq === undefined) return;
    if (type === "ack") {
      if (data?.reset === true) this.wrong.push("was told to load anew");
      this.#since = seq;
      this.#entered?.();
      return;
    }
    if (seq <= (this.#since ?? -1)) this.wrong.push(`number ${seq} after ${this.#since}`);
    if (data?.version !== this.version + 1) this.wrong.push(`version ${data?.version} after ${this.version}`);
    this.#since = seq;
    this.version = data?.version ?? this.version;
    this.#told(this.version);
  }
}
