import type { Cell, Mark } from "./cell.ts";
import type { Compiled, Parts } from "./definition.ts";
import { Item, type L1 } from "./l1.ts";
import type { Counters } from "./stats.ts";
import type { Holes } from "./types.ts";

/**
 * Into L1, if it is valid there now and `welcome`. True when it is valid, so that L2 may have it too. `mark`: what was
 * known when the answer's reading or load began; `now`: this instant, on the monotonic clock.
 */
export function keep<P extends Parts, T>(
  { l1, holes }: Readonly<{ l1: L1; holes: Holes | undefined }>,
  { definition, counters }: Readonly<{ definition: Compiled<P, T>; counters: Counters }>,
  { cell, key, parts }: Readonly<{ cell: Cell; key: string; parts: P }>,
  { item, mark, welcome }: Readonly<{ item: Item; mark: Mark; welcome: boolean }>,
  now: number,
): boolean {
  // The hole: a message drops what is held when it comes, so one that came before the store is lost.
  const dropped = holes?.has("judged_when_reading") === true;
  const valid =
    item.generation === null
      ? cell.young(item, item.tags, now)
      : cell.live(now) && cell.life === mark.life && (dropped || cell.holds(item, item.tags));
  if (!valid) {
    counters.l1_fenced += 1;
    return false;
  }
  if (item.payload_bytes > definition.l1_max_bytes) {
    counters.l1_oversize += 1;
    return true;
  }
  if (!welcome) return true;
  const held = l1.peek(key);
  // A slower flight must not take the place of what a later one brought.
  const newer = held !== undefined && held.generation === item.generation && held.position > item.position;
  const stored = dropped ? new Item(cell, { ...item, position: cell.heard, judged: 0 }) : item;
  if (!newer && !l1.set(key, stored, definition.key.spot(parts))) counters.l1_oversize += 1;
  return true;
}
