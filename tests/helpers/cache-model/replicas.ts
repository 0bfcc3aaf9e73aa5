import type { Cell } from "../../../src/platform/cache/cell.ts";
import {
  businessTags,
  type Cache,
  type Cached,
  createCache,
  type Lookup,
  Patience,
  type Tag,
} from "../../../src/platform/cache/index.ts";
import { createRedisOrder } from "../../../src/platform/cache/order.ts";
import type { Holes, Order } from "../../../src/platform/cache/types.ts";
import type { Kind } from "./checker.ts";
import type { Commit, FakeDatabase } from "./fake-database.ts";
import type { Network } from "./fake-link.ts";
import type { Process, World } from "./world.ts";

export const BUSINESS = "acme";
/** Rows whose tags nobody awaits, and rows whose tags are awaited. */
export const rows = ["p0", "p1", "a0"] as const;
export type Row = (typeof rows)[number];

const plainTag = businessTags("plain");
const awaitedTag = businessTags("awaited", { awaited: true });
const tagOf = (row: string, business_id = BUSINESS): Tag =>
  (row.startsWith("a") ? awaitedTag : plainTag)(business_id, row);

/** The row that a tag is of; null for tags of definitions and whole scopes. */
export const rowOf = (tag: string): string | null => rows.find((row) => tagOf(row) === tag) ?? null;
export const tagsOf = (row: string): readonly Tag[] => [tagOf(row)];
export const kindsOf = (row: string): readonly Kind[] =>
  row.startsWith("a") ? ["strict", "writer", "bounded", "relaxed"] : ["strict", "bounded", "relaxed"];

/** What a cache must do to be put through the model. */
export interface Replica {
  readonly process: Process;
  /** Null for caches without one. */
  readonly cell: Cell | null;
  /** The version that is served. */
  get(kind: Kind, row: string): Promise<{ version: number; from: string }>;
  /** After the commit. Resolves when the write may be answered. */
  invalidate(commit: Commit): Promise<unknown>;
  clear(): Promise<unknown>;
  /** What does not add up when nothing is under way any more; empty when all does. */
  leftovers(): Promise<string[]>;
  live(): boolean;
  close(): Promise<void>;
}

export type ReplicaDeps = Readonly<{
  world: World;
  network: Network;
  database: FakeDatabase;
  process: Process;
  holes: Holes;
  /** From 0 to below 1. */
  random: () => number;
}>;
export type MakeReplica = (deps: ReplicaDeps) => Replica;

const quiet = { info: () => {}, warn: () => {} };
type Parts = { business_id: string; row: string };

/** The cache as it is, over the fakes. */
export const makeReplica: MakeReplica = (deps) => new OurReplica(deps, redisOrder(deps));

/** The cache over another order than Redis's. */
export const makeReplicaOver =
  (makeOrder: (deps: ReplicaDeps) => Order): MakeReplica =>
  (deps) =>
    new OurReplica(deps, makeOrder(deps));

function redisOrder({ world, network, database, process, holes, random }: ReplicaDeps): Order {
  const { clock, timer } = process;
  const common = { clock, timer, random, log: quiet, holes, token: () => world.token() };
  const makeClient = network.makeClient(process);
  return createRedisOrder(
    { ...common, database: database.of(process), makeClient },
    { urls: ["redis://model"], replica: process.name },
  );
}

class OurReplica implements Replica {
  readonly process: Process;
  readonly #order: Order;
  readonly #cache: Cache;
  readonly #cached: Record<Kind, Cached<Parts, unknown>>;
  #asked = 0;

  constructor({ database, process, holes, random }: ReplicaDeps, order: Order) {
    this.process = process;
    this.#order = order;
    const { clock, timer } = process;
    const common = { clock, timer, random, log: quiet, holes };
    this.#cache = createCache(
      { ...common, order: this.#order },
      { enabled: true, l1_max_bytes: 1_000_000, lane: () => ({ name: "fast", slots: 64 }) },
    );
    const define = (kind: Kind): Cached<Parts, unknown> => {
      const ours = kind === "writer" ? awaitedTag : null;
      return this.#cache.query<Parts, { row: string; kind: string; version: number }>({
        name: `model.${kind}`,
        scope: "business",
        class: kind === "strict" || kind === "writer" ? "strict" : kind,
        ...(kind === "writer" ? { confirm: "writer" as const } : {}),
        ttl_ms: kind === "relaxed" ? 700 : 60_000,
        ...(kind === "relaxed" ? { grace_ms: 60_000 } : {}),
        tags: (parts) => [
          ours === null ? tagOf(parts.row, parts.business_id) : ours(parts.business_id, parts.row),
        ],
        timeout_ms: 30_000,
        load: ({ row }) =>
          database.statement(process, `load ${kind} ${row}`, () => ({
            row,
            kind,
            version: database.version(row),
          })),
      });
    };
    this.#cached = {
      strict: define("strict"),
      writer: define("writer"),
      bounded: define("bounded"),
      relaxed: define("relaxed"),
    };
  }

  get cell(): Cell {
    return this.#order.at(0).cell;
  }

  async get(kind: Kind, row: string): Promise<{ version: number; from: string }> {
    // Requests do not wait for ever for Redis; others do.
    this.#asked += 1;
    const options = this.#asked % 3 === 0 ? {} : { patience: new Patience() };
    const found = this.#cached[kind].get({ business_id: BUSINESS, row }, options);
    const lookup: Lookup<unknown> = found instanceof Promise ? await found : found;
    const value = lookup.value as { row: string; kind: string; version: number };
    if (value.row !== row || value.kind !== kind) throw new Error(`I11: ${row} was answered ${value.row}`);
    if (!Object.isFrozen(value)) throw new Error("I14: not frozen");
    return { version: value.version, from: lookup.from + (lookup.reason ? ` ${lookup.reason}` : "") };
  }

  invalidate(commit: Commit): Promise<unknown> {
    const outbox_ids = commit.outbox_id === null ? [] : [commit.outbox_id];
    return this.#cache.invalidate(tagsOf(commit.row), { outbox_ids });
  }

  clear(): Promise<unknown> {
    return this.#cache.clear();
  }

  live(): boolean {
    return this.cell.live(this.process.clock.monotonic());
  }

  async leftovers(): Promise<string[]> {
    const { gauges, total } = await this.#cache.stats();
    const left: string[] = [];
    for (const name of ["flights", "loads_running", "loads_waiting", "calls_in_flight"] as const)
      if (gauges[name] !== 0) left.push(`I13 ${this.process.name}: ${name} is ${gauges[name]}`);
    if (gauges.l1_bytes > gauges.l1_max_bytes) left.push("I13: L1 is over its bytes");
    if (total.hits + total.misses + total.bypassed !== total.lookups) left.push("I15: the sum rule");
    if (total.corrupt > 0) left.push("I16: corrupt entries");
    return left;
  }

  close(): Promise<void> {
    return this.#cache.close();
  }
}
