import { Cell } from "./cell.ts";
import type { Asker, Bump, CacheClock, CellOrder, Holes, Order, OrderGauges } from "./types.ts";

const SERVER = "local";

/**
 * The order of a process that is alone: the numbers are made here, so a bump is heard when it is made, the table is the
 * whole truth, and there is no L2. What remains to be proven is being alone: whoever holds the advisory lock says so
 * with `hold`, at least once a second, and ends it with `lose`; then the cell is not live, and the data plane behaves
 * as with Redis unreachable.
 */
export class LocalOrder implements Order {
  readonly cells = 1;
  readonly #order: LocalCellOrder;

  constructor(options: { clock: CacheClock; holes?: Holes | undefined; tags_max?: number }) {
    this.#order = new LocalCellOrder(options);
  }

  /** Alone at this monotonic instant. Infinity: for ever (a test, a program that nothing else writes beside). */
  hold(instant: number): void {
    this.#order.hold(instant);
  }

  /** Not alone any more, or not provably. */
  lose(): void {
    this.#order.cell.lapse();
  }

  cellOf(): number {
    return 0;
  }

  at(): CellOrder {
    return this.#order;
  }

  delivered(): void {
    // The lone process's own relay deletes rows: only it knows the database.
  }

  confirmed(): Promise<void> {
    return Promise.resolve();
  }

  settled(): boolean {
    return true;
  }

  renew(): Promise<boolean> {
    this.#order.renew();
    return Promise.resolve(true);
  }

  gauges(): OrderGauges {
    return {
      proof_age_ms: null,
      bus_lag_ms: null,
      calls_in_flight: 0,
      breakers_open: 0,
      cells_unreached: 0,
      // The first one is no change; before it there is none.
      generation_changes: Math.max(0, this.#order.generations - 1),
      outbox_age_ms: null,
    };
  }

  publish(): Promise<void> {
    return Promise.resolve();
  }

  published(): Promise<null> {
    return Promise.resolve(null);
  }

  remember(): Promise<void> {
    return Promise.resolve();
  }

  remembered(): Promise<null> {
    return Promise.resolve(null);
  }

  stored(): Promise<null> {
    return Promise.resolve(null);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class LocalCellOrder implements CellOrder {
  readonly index = 0;
  readonly cell: Cell;
  readonly #clock: CacheClock;
  #n = 0;
  generations = 0;
  #instant = Number.NEGATIVE_INFINITY;

  constructor(options: { clock: CacheClock; holes?: Holes | undefined; tags_max?: number }) {
    this.#clock = options.clock;
    this.cell = new Cell({ index: 0, authoritative: true, ...options });
  }

  hold(instant: number): void {
    if (this.#instant === Number.NEGATIVE_INFINITY) this.renew();
    this.#instant = instant;
    this.cell.beat(this.#clock.now(), this.#clock.monotonic());
    if (this.cell.prove(instant)) return;
    // It had lapsed: what others committed meanwhile may have been missed, so nothing from before is above the floor.
    this.#n += 1;
    this.cell.open(this.cell.generation ?? this.#name(), this.#n);
    this.cell.prove(instant);
  }

  renew(): void {
    this.generations += 1;
    this.cell.open(this.#name(), this.#n);
    if (this.#instant !== Number.NEGATIVE_INFINITY) this.cell.prove(this.#instant);
  }

  read(_key: string | null, tags: readonly string[], asker: Asker): void {
    const versions = tags.map(() => this.#n);
    queueMicrotask(() => asker.told(this.cell.generation, null, versions));
  }

  init(): Promise<number> {
    return Promise.resolve(this.#n);
  }

  fill(): Promise<boolean> {
    return Promise.resolve(true);
  }

  bump(tags: readonly string[]): Promise<Bump> {
    this.#n += 1;
    const generation = this.cell.generation ?? "";
    // Deaf while it is not live; the floor covers it then.
    this.cell.hear(this.#n, tags);
    return Promise.resolve({ cell: 0, generation, n: this.#n, server_id: SERVER });
  }

  lease(): Promise<boolean> {
    return Promise.resolve(true);
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  #name(): string {
    return `${SERVER} ${this.generations}`;
  }
}
