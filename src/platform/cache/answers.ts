import type { DeepReadonly } from "./definition.ts";
import { entityTagOf } from "./entry.ts";

/** A loaded answer in the two shapes it needs. `payload` is null for null, and undefined if it cannot be stored. */
export type Answer = Readonly<{ value: unknown; payload: Uint8Array | null | undefined; etag: string }>;

/** JSON text with the version of its row, which goes into the ETag. */
export type Versioned = Readonly<{ body: string; version?: number | null }>;

/** How the loads of one kind of definition become values and bytes. */
export type AnswerCodec = Readonly<{
  fromLoad(loaded: unknown): Answer;
  /** Undefined for bytes that are no answer. */
  fromBytes(payload: Uint8Array): unknown;
}>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** JSON text in, bytes out: a hit serialises nothing. */
export const endpointCodec: AnswerCodec = {
  fromLoad(loaded) {
    if (loaded === null) return nothing;
    const { body, version } = typeof loaded === "string" ? { body: loaded } : (loaded as Versioned);
    const payload = encoder.encode(body);
    return { value: payload, payload, etag: entityTagOf(payload, version) };
  },
  fromBytes: (payload) => payload,
};

/**
 * A frozen value, always as it came through JSON: then a hit in either tier is the same thing, and nobody holds a
 * reference into it.
 */
export const queryCodec: AnswerCodec = {
  fromLoad(loaded) {
    if (loaded === null) return nothing;
    let text: string | undefined;
    try {
      text = JSON.stringify(loaded);
    } catch {
      text = undefined;
    }
    // A bigint, a cycle, undefined: an answer, though not one that can be kept.
    if (text === undefined) return { value: deepFreeze(loaded), payload: undefined, etag: 'W/"0"' };
    const payload = encoder.encode(text);
    return { value: deepFreeze(JSON.parse(text)), payload, etag: entityTagOf(payload) };
  },
  fromBytes(payload) {
    try {
      return deepFreeze(JSON.parse(decoder.decode(payload)));
    } catch {
      return undefined;
    }
  },
};

const nothing: Answer = Object.freeze({ value: null, payload: null, etag: entityTagOf(null) });

/** Freezes a value and all that it holds. */
export function deepFreeze<T>(value: T): DeepReadonly<T> {
  const pending: unknown[] = [value];
  for (let next = pending.pop(); pending.length > 0 || next !== undefined; next = pending.pop()) {
    if (typeof next !== "object" || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    for (const inner of Object.values(next))
      if (typeof inner === "object" && inner !== null) pending.push(inner);
  }
  return value as DeepReadonly<T>;
}
