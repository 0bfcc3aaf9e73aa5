import type { AnswerCodec } from "./answers.ts";
import type { Mark } from "./cell.ts";
import type { Compiled, Parts } from "./definition.ts";
import { judge, type Refusal } from "./judge.ts";
import { keep } from "./keep.ts";
import { storedKey } from "./key.ts";
import type { Item, L1 } from "./l1.ts";
import type { Counters } from "./stats.ts";
import type { Asker, CacheClock, CellOrder, Holes } from "./types.ts";

type ReadDeps = Readonly<{
  l1: L1;
  clock: CacheClock;
  holes: Holes | undefined;
  release: string;
  reads: L2Reads;
}>;

type ReadSubject<P extends Parts, T> = Readonly<{
  definition: Compiled<P, T>;
  codec: AnswerCodec;
  counters: Counters;
}>;

/**
 * What reading L2 came to: a valid answer; `absent`, there is none; `unread`, Redis did not answer; `moved`, the order
 * is not the one that was asked any more; `behind`, ask for the versions too.
 */
export type ReadOutcome = Item | "absent" | "unread" | "moved" | "behind";

/** `now`: the instant of the outcome, on the monotonic clock. */
export type ReadEnded = (outcome: ReadOutcome, now: number) => void;

/** What is read, and where. */
type ReadAt<P extends Parts> = Readonly<{
  parts: P;
  key: string;
  tags: readonly string[];
  order: CellOrder;
}>;

/** Readings under way, by key. */
export type L2Reads = Map<string, Pick<L2Read<Parts, unknown>, "join">>;

/**
 * One reading of L2, judged and kept in the turn in which the reply comes. Whoever asks for the same key meanwhile
 * waits with it: what comes is judged by all that is known then, whenever the reading began.
 */
export class L2Read<P extends Parts, T> implements Asker {
  readonly #deps: ReadDeps;
  readonly #subject: ReadSubject<P, T>;
  readonly #parts: P;
  readonly #key: string;
  readonly #tags: readonly string[];
  readonly #order: CellOrder;
  readonly #mark: Mark;
  readonly #waiting: ReadEnded[];

  /**
   * `versioned`: reads the versions of the tags too. `ended` is called once, with the instant of the outcome, and must
   * not throw; so is each of `join`.
   */
  static begin<P extends Parts, T>(
    deps: ReadDeps,
    subject: ReadSubject<P, T>,
    at: ReadAt<P> & Readonly<{ versioned: boolean }>,
    ended: ReadEnded,
  ): void {
    const read = new L2Read(deps, subject, at, ended);
    deps.reads.set(at.key, read);
    const key = storedKey(at.key, subject.definition.name, deps.release);
    at.order.read(key, at.versioned ? at.tags : [], read);
  }

  private constructor(deps: ReadDeps, subject: ReadSubject<P, T>, at: ReadAt<P>, ended: ReadEnded) {
    this.#deps = deps;
    this.#subject = subject;
    this.#parts = at.parts;
    this.#key = at.key;
    this.#tags = at.tags;
    this.#order = at.order;
    this.#mark = at.order.cell.mark();
    this.#waiting = [ended];
  }

  /** Calls this too when it has ended. */
  join(ended: ReadEnded): void {
    this.#waiting.push(ended);
  }

  told(generation: string | null, bytes: Uint8Array | null, versions: readonly (number | null)[]): void {
    const { clock } = this.#deps;
    const { cell } = this.#order;
    const mark = this.#mark;
    // Looked at once: all that follows is in this turn, and whoever waits asked before it.
    const now = clock.monotonic();
    if (!cell.agrees(mark.generation, generation)) this.#ended("moved", now);
    else if (bytes === null) this.#ended("absent", now);
    else {
      const reading = { cell, mark, tags: this.#tags, name: this.#key, bytes, versions };
      const judged = judge(this.#deps, this.#subject, reading, now);
      if (judged instanceof Promise) void judged.then((late) => this.#judged(late, clock.monotonic()));
      else this.#judged(judged, now);
    }
  }

  failed(): void {
    this.#ended("unread", this.#deps.clock.monotonic());
  }

  #ended(outcome: ReadOutcome, now: number): void {
    this.#deps.reads.delete(this.#key);
    for (const ended of this.#waiting) ended(outcome, now);
  }

  #judged(judged: Item | Refusal, now: number): void {
    if (judged === "behind") this.#ended("behind", now);
    else if (judged === "unfit") this.#ended("absent", now);
    else {
      const at = { cell: this.#order.cell, key: this.#key, parts: this.#parts };
      const welcome = this.#deps.l1.admits(this.#key, judged);
      const valid = keep(this.#deps, this.#subject, at, { item: judged, mark: this.#mark, welcome }, now);
      this.#ended(valid ? judged : "moved", now);
    }
  }
}
