import { getWalPosition } from "../statements.ts";
import type { Queryable } from "./call.ts";

/** A position in the primary's write-ahead log, and the timeline that it lies on. */
export type WalPosition = Readonly<{ wal: string; timeline: number }>;

/**
 * Tells where the primary's log stands now. Every commit that anybody was told of before the question lies before the
 * answer; so an answer may serve whoever asked before it was sent for, and nobody else: those who ask while one is under
 * way share the next.
 */
export class WalFence {
  readonly #primary: Queryable;
  #underway: Promise<WalPosition> | null = null;
  #next: Promise<WalPosition> | null = null;

  constructor(primary: Queryable) {
    this.#primary = primary;
  }

  /** @throws as `Lane.query` */
  position(): Promise<WalPosition> {
    if (this.#underway === null) return this.#ask();
    this.#next ??= this.#underway.then(
      () => this.#ask(),
      () => this.#ask(),
    );
    return this.#next;
  }

  #ask(): Promise<WalPosition> {
    this.#next = null;
    const asked = this.#primary.query(getWalPosition, { token: 1 }).then(([row]) => {
      if (row === undefined) throw new Error("a server always has a position");
      return row;
    });
    const ended = (): void => {
      if (this.#underway === asked) this.#underway = null;
    };
    this.#underway = asked;
    asked.then(ended, ended);
    return asked;
  }
}

/** A WAL position (`16/B374D848`) as a number of bytes: https://www.postgresql.org/docs/18/datatype-pg-lsn.html */
export function walBytes(position: string): bigint {
  const [high = "0", low = "0"] = position.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
