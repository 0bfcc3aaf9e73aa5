import type { CacheDatabase, Delivery, Pass, PassRequest } from "../../../src/platform/cache/database.ts";
import type { Holes } from "../../../src/platform/cache/types.ts";
import type { Process, World } from "./world.ts";

const RELAY_HELD_MS = 500;

/** One commit: what it made of a row, and when. */
export type Commit = {
  readonly row: string;
  readonly version: number;
  readonly at: number;
  readonly writer: Process | null;
  outbox_id: bigint | null;
};

/** Rows with versions, the outbox and the relay's row: one statement at a time, each in a moment of its own. */
export class FakeDatabase {
  readonly commits: Commit[] = [];
  readonly outbox = new Map<string, readonly string[]>();
  readonly #world: World;
  readonly #holes: Holes;
  readonly #versions = new Map<string, number>();
  #relay = { holder: "", tenure: "", until: Number.NEGATIVE_INFINITY, servers: [] as (string | null)[] };
  #ids = 0;

  constructor(world: World, holes: Holes) {
    this.#world = world;
    this.#holes = holes;
  }

  version(row: string): number {
    return this.#versions.get(row) ?? 0;
  }

  /** A statement of a process: sent, run, answered. */
  statement<T>(process: Process, label: string, run: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#world.post(`${process.name} ${label} →`, () => {
        const result = run();
        this.#world.post(`${process.name} ${label} ←`, () => process.deliver(() => resolve(result)));
      });
    });
  }

  /** The writing statement: row and outbox row, in one commit. */
  commit(row: string, tags: readonly string[], writer: Process | null): Commit {
    const version = this.version(row) + 1;
    this.#versions.set(row, version);
    const commit: Commit = { row, version, at: this.#world.now, writer, outbox_id: null };
    if (!this.#holes.has("outbox_row")) {
      this.#ids += 1;
      commit.outbox_id = BigInt(this.#ids);
      this.outbox.set(String(this.#ids), tags);
    }
    this.commits.push(commit);
    return commit;
  }

  /** What the order plane of a process sees. */
  of(process: Process): CacheDatabase {
    return {
      pass: (request) => this.statement(process, "pass", () => this.#pass(request)),
      release: (holder) =>
        this.statement(process, "release", () => {
          if (this.#relay.holder === holder) this.#relay.until = Number.NEGATIVE_INFINITY;
        }),
      remove: (deliveries) => this.statement(process, "remove", () => this.#remove(deliveries)),
      lock: () => Promise.resolve(null),
    };
  }

  /** As sql/platform/pass_cache_relay.sql. */
  #pass(request: PassRequest): Pass | null {
    const { now } = this.#world;
    const relay = this.#relay;
    const ours = relay.holder === request.holder && relay.until >= now;
    if (relay.holder !== request.holder && relay.until >= now) return null;
    const servers = request.servers.map((id, cell) => {
      const recorded = relay.servers[cell] ?? null;
      if (id === "") return recorded;
      if (recorded === id || (ours && request.renewed[cell] === id)) return id;
      return recorded === null ? null : "";
    });
    const tenure = ours ? relay.tenure : request.tenure;
    this.#relay = { holder: request.holder, tenure, until: now + RELAY_HELD_MS, servers };
    const rows = [...this.outbox].sort(([a], [b]) => Number(a) - Number(b)).slice(0, request.row_limit);
    const pending = rows.map(([id, tags]) => ({ id, tags }));
    return { tenure, servers, wal: `0/${now.toString(16)}`, pending, oldest_ms: 0 };
  }

  /** As sql/platform/delete_cache_outbox.sql. */
  #remove(deliveries: readonly Delivery[]): void {
    const kept = new Set<string>();
    const { servers } = this.#relay;
    if (!this.#holes.has("server_ids_recorded")) {
      for (const { id, cell, server } of deliveries)
        if (server === "" || servers[cell] !== server) kept.add(id);
    }
    for (const { id } of deliveries) if (!kept.has(id)) this.outbox.delete(id);
  }
}
