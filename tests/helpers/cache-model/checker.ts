import type { Cell } from "../../../src/platform/cache/cell.ts";
import type { Commit, FakeDatabase } from "./fake-database.ts";
import type { MadeBump } from "./fake-redis.ts";
import type { Process, World } from "./world.ts";

/** How far a bounded answer may be behind, whatever fails. */
const BOUNDED_MS = 1050;
/** The same while nothing fails. */
const HEALTHY_MS = 50;

export type Kind = "strict" | "writer" | "bounded" | "relaxed";

/** What a lookup must at least see, fixed when it begins, and who says so. */
export type Need = { version: number; rule: string };

/** Knows each commit and each answer, and so what every lookup had to see. */
export class Checker {
  /** False while everything is well: then milliseconds are promised. */
  faults = false;
  readonly faulted: string[] = [];
  lookups = 0;
  readonly #world: World;
  readonly #database: FakeDatabase;
  readonly #answered = new Map<string, number>();
  readonly #own = new Map<string, number>();
  readonly #bumps = new Map<string, { n: number; tag: string; version: number }[]>();

  constructor(world: World, database: FakeDatabase) {
    this.#world = world;
    this.#database = database;
  }

  /** The server made a bump: it stands for everything committed by now. */
  bumped(bump: MadeBump, rowOf: (tag: string) => string | null): void {
    const list = this.#bumps.get(bump.generation) ?? [];
    this.#bumps.set(bump.generation, list);
    for (const tag of bump.tags) {
      const row = rowOf(tag);
      if (row !== null) list.push({ n: bump.n, tag: row, version: this.#database.version(row) });
    }
  }

  /** A process has called `invalidate` for a commit: at once, whatever becomes of the bump. */
  invalidated(process: Process, commit: Commit): void {
    raise(this.#own, `${process.name} ${commit.row}`, commit.version);
  }

  /** The write was answered. */
  answered(commit: Commit): void {
    raise(this.#answered, commit.row, commit.version);
  }

  /** @param cell of the process that looks up; null for caches that have none */
  need(kind: Kind, row: string, process: Process, cell: Cell | null): Need {
    let need: Need = { version: 0, rule: "" };
    const demand = (version: number, rule: string): void => {
      if (version > need.version) need = { version, rule };
    };
    demand(this.#own.get(`${process.name} ${row}`) ?? 0, "I1 own process never serves older");
    if (kind === "relaxed") return need;
    const live = cell === null || cell.live(process.clock.monotonic());
    // A replica that is cut off may lag by a second where the writer confirms.
    if (kind === "strict" || (kind === "writer" && live)) {
      demand(this.#answered.get(row) ?? 0, `I2 ${kind}: nobody serves older once the write is answered`);
    }
    const bound = this.faults ? BOUNDED_MS : HEALTHY_MS;
    const old = this.#database.commits.findLast(
      (one) => one.row === row && one.at <= this.#world.now - bound,
    );
    demand(old?.version ?? 0, `I2 never over ${bound} ms behind`);
    if (cell !== null && cell.generation !== null && live) {
      for (const { n, tag, version } of this.#bumps.get(cell.generation) ?? []) {
        if (tag === row && n <= cell.heard) demand(version, "I3 begun before a bump that was heard");
      }
    }
    return need;
  }

  /** A lookup was answered. */
  seen(need: Need, got: number, what: string): void {
    this.lookups += 1;
    if (got >= need.version) return;
    this.faulted.push(
      `${need.rule}: ${what} served ${got}, needed ${need.version}, at ${this.#world.now} ms`,
    );
  }
}

function raise(map: Map<string, number>, key: string, to: number): void {
  map.set(key, Math.max(map.get(key) ?? 0, to));
}
