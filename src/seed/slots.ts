/**
 * Who and what is taken when: working days of 15 slots of 40 minutes, one bit each, for every operator and every machine.
 * A step lies inside slots that are its own, so that no two logs of an operator or of a machine can overlap.
 */
export const slots_per_day = 15;
export const slot_minutes = 40;
const allFree = (1 << slots_per_day) - 1;

/** The slots of some resources, numbered from 0, over some days. Outside of them nothing is free. */
export class SlotBook {
  readonly #days: number;
  readonly #taken: Uint16Array;

  constructor(resources: number, days: number) {
    this.#days = days;
    this.#taken = new Uint16Array(resources * days);
  }

  /** The free slots of a day from `first` on, as bits. */
  free(resource: number, day: number, first: number): number {
    return ~(this.#taken[resource * this.#days + day] ?? allFree) & allFree & -(1 << first);
  }

  /** Takes `length` slots of a day from `slot` on. */
  take(resource: number, day: number, slot: number, length: number): void {
    const index = resource * this.#days + day;
    this.#taken[index] = (this.#taken[index] ?? 0) | (((1 << length) - 1) << slot);
  }
}

/** Of free slots, as bits, those with as many free ones behind them that `length` follow one another. */
export function runsOf(free: number, length: number): number {
  let runs = free & allFree;
  for (let more = 1; more < length; more++) runs &= free >> more;
  return runs;
}

/** The number of the lowest bit that is set. */
export const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);
