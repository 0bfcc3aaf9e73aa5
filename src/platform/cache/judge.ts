import type { AnswerCodec } from "./answers.ts";
import { type Cell, L1_LIFE_MS, type Mark } from "./cell.ts";
import type { Compiled, Parts } from "./definition.ts";
import { decodeEntry, type Entry } from "./entry.ts";
import { Item } from "./l1.ts";
import type { Counters } from "./stats.ts";
import type { CacheClock, Holes } from "./types.ts";

/** What is needed of a definition to make an item of bytes. */
type Maker<P extends Parts, T> = Readonly<{
  definition: Compiled<P, T>;
  codec: AnswerCodec;
  counters: Counters;
}>;

/** One reading of L2: what was read, and what was known when it was sent. */
export type Reading = Readonly<{
  cell: Cell;
  mark: Mark;
  tags: readonly string[];
  /** The key in full, as it stands inside the entry. */
  name: string;
  bytes: Uint8Array;
  /** Of the tags, read together with the entry; empty where none were asked for. */
  versions: readonly (number | null)[];
}>;

/** `behind`: it is older than what this replica has heard of, so only the versions can tell. `unfit`: it is not valid. */
export type Refusal = "behind" | "unfit";

/**
 * An entry of L2 as an item of L1, if it is valid. Read with versions, by them. Read without, by what was heard, exactly
 * as an answer in L1 is: the table knows of every bump above the floor, and the class allows what it has not heard yet.
 * A promise only for what takes long to unpack. `now`: this instant, on the monotonic clock.
 */
export function judge<P extends Parts, T>(
  deps: Readonly<{ clock: CacheClock; holes: Holes | undefined }>,
  maker: Maker<P, T>,
  reading: Reading,
  now: number,
): Item | Refusal | Promise<Item | Refusal> {
  const entry = decodeEntry(reading.bytes, reading.name);
  if (!(entry instanceof Promise)) return judgeEntry(deps, maker, reading, entry, now);
  return entry.then((unpacked) => judgeEntry(deps, maker, reading, unpacked, deps.clock.monotonic()));
}

function judgeEntry<P extends Parts, T>(
  { holes }: Readonly<{ holes: Holes | undefined }>,
  { definition, codec, counters }: Maker<P, T>,
  { cell, mark, tags, versions }: Reading,
  entry: Entry | null,
  now: number,
): Item | Refusal {
  const payload = entry === null ? null : entry.payload;
  const value = payload === null ? null : codec.fromBytes(payload);
  if (entry === null || value === undefined) {
    counters.corrupt += 1;
    return "unfit";
  }
  const unversioned = versions.length === 0;
  if (unversioned && entry.position < cell.floor) return "behind";
  for (const version of versions) {
    if (version === null && holes?.has("missing_version_is_miss") !== true) return "unfit";
    if (version !== null && version > entry.position) {
      counters.l2_fenced += 1;
      return "unfit";
    }
  }
  const time = cell.time(now);
  if (time === null) return "unfit";
  const created_at = now - Math.max(0, time - entry.created);
  const ends_at = created_at + entry.life_ms;
  const held_until = mark.at + L1_LIFE_MS;
  const fresh_until = Math.min(ends_at, held_until);
  if (fresh_until <= now) return "unfit";
  const item = new Item(cell, {
    counters,
    generation: mark.generation,
    // All bumps up to `known` were made before the read, so they are in the versions: valid at its own position means
    // valid at that one too. Without this an entry older than the floor could never be held.
    position: unversioned ? entry.position : Math.max(entry.position, mark.known),
    sequence: mark.sequence,
    began: Number.NEGATIVE_INFINITY,
    began_wall: Number.NEGATIVE_INFINITY,
    judged: 0,
    value,
    payload_bytes: payload === null ? 0 : payload.byteLength,
    etag: entry.etag,
    tags,
    created_at,
    fresh_until,
    dies_at: Math.min(ends_at + definition.grace_ms, held_until),
    cost_ms: entry.cost_ms,
  });
  if (cell.holds(item, tags) && !cell.covered(tags)) return item;
  counters.l2_fenced += 1;
  return "unfit";
}
