import { KeyEncoder, type Parts, type PartValue } from "./key.ts";
import type { Patience } from "./patience.ts";
import {
  businessScope,
  definitionTag,
  isAwaited,
  kindOf,
  publicScope,
  isOfScope,
  scopeOf,
  type Tag,
  userScope,
  wholeScope,
} from "./tags.ts";

export type { Parts, PartValue } from "./key.ts";

export type CacheClass = "strict" | "bounded" | "relaxed";
export type Scope = "business" | "user" | "public";

/** The scopes that parts allow: a business's answer has a business_id in its key, a user's a user_id. */
export type ScopeOf<P extends Parts> =
  | "public"
  | (P extends { readonly business_id: string } ? "business" : never)
  | (P extends { readonly user_id: string } ? "user" : never);

/** What a load gets beside its parts. `signal` ends with the load's own time limit, never with a caller's. */
export type LoadContext = Readonly<{ signal: AbortSignal }>;

/** One kind of cached answer. Durations in milliseconds. */
export type Definition<P extends Parts, T> = {
  /** "bank.balance": unique; prefixes, statistics and metrics use it. */
  name: string;
  /** Where the answer belongs; the parts must hold its id. */
  scope: ScopeOf<P>;
  class: CacheClass;
  /** Strict only: who makes sure that nobody serves older. Default: reader. */
  confirm?: "reader" | "writer";
  /** What makes the answer invalid; all in the scope of the definition. */
  tags(parts: P): readonly Tag[];
  /** At most 12 h together with the grace. */
  ttl_ms: number;
  /** How long past ttl a stale answer may serve; strict: 0. */
  grace_ms?: number;
  /** For null; default 0 (not kept), at most 5,000. */
  negative_ttl_ms?: number;
  /** At most 256 KiB in L1, 1 MiB in L2. */
  max_bytes?: number;
  /** Hard limit of one load. */
  timeout_ms?: number;
  /** The answer goes by the clock as well: loads may differ with no bump in between, and are not held against it. */
  moves?: boolean;
  /** It is polled: what is asked for most is read again after a start and after a clear, before anybody asks. */
  warm?: boolean;
  /** Reads the database. It gets the parts and nothing else, so an answer depends only on what is in its key. */
  load(parts: P, context: LoadContext): Promise<T | null>;
};

export type DeepReadonly<T> = T extends string | number | boolean | bigint | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

/**
 * The bytes of an answer, shared by all who are given it: to be sent, never to be written to. JavaScript cannot freeze
 * them, so their type has nothing that writes.
 */
export interface SharedBytes extends Readonly<
  Omit<
    Uint8Array<ArrayBuffer>,
    | "buffer"
    | "copyWithin"
    | "fill"
    | "reverse"
    | "set"
    | "setFromBase64"
    | "setFromHex"
    | "sort"
    | "subarray"
  >
> {}

/** Where an answer came from. "shared": from a load that another caller began. */
export type From = "l1" | "l2" | "load" | "shared" | "stale" | "bypass";

export type Lookup<T> = {
  value: T | null;
  etag: string;
  age_ms: number;
  from: From;
  /** Why it was a bypass, or stale. */
  reason?: string;
  /** What its load took; only where this lookup began one. */
  load_ms?: number;
  /** Milliseconds in which this lookup waited for another replica's load; only where it did. */
  awaited_ms?: number;
  /** Of a load: whether the next lookup may find it. */
  stored?: boolean;
};

/** `patience`: of the request for which it is asked; without one Redis is waited for as long as each call may take. */
export type GetOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly bypass?: boolean | undefined;
  readonly patience?: Patience | undefined;
};

export interface Cached<P, T> {
  /**
   * The answer for these parts; at once when it is in L1 and needs no check. Rejects with the load's error, with
   * CacheOverloaded, LoadTimeout, or the signal's reason.
   */
  get(parts: P, options?: GetOptions): Lookup<T> | Promise<Lookup<T>>;
  /** The same lookup, for who asks it again and again. */
  hold(parts: P): Held<T>;
}

/** One lookup that remembers where its answer was found, and next time asks only whether that still holds. */
export interface Held<T> {
  /** As `get` of the definition. `at`: the monotonic clock as read in this very turn, by whoever asks several. */
  get(at?: number, options?: GetOptions): Lookup<T> | Promise<Lookup<T>>;
  /** Whether `get` would answer at once with this very value, which it answered before. Counts as a hit if so. */
  still(value: T | null, at: number): boolean;
}

/** A definition that the cache refuses at start. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
}

export const ENTRY_LIFE_MAX_MS = 12 * 3_600_000;
export const NEGATIVE_TTL_MAX_MS = 5_000;
export const L1_ENTRY_BYTES_MAX = 256 * 1024;
export const L2_ENTRY_BYTES_MAX = 1024 * 1024;
export const LOAD_TIMEOUT_DEFAULT_MS = 10_000;
const LOAD_TIMEOUT_MAX_MS = 60_000;

/** A definition, checked, with everything said that may be left out. */
export type Compiled<P extends Parts, T> = Readonly<{
  name: string;
  scope: Scope;
  class: CacheClass;
  /** Every use compares versions first. */
  reader: boolean;
  ttl_ms: number;
  grace_ms: number;
  negative_ttl_ms: number;
  l1_max_bytes: number;
  l2_max_bytes: number;
  timeout_ms: number;
  /** What holds must equal what is loaded anew. */
  comparable: boolean;
  warm: boolean;
  key: KeyEncoder;
  /** Kinds of tags, as far as they are seen before the first lookup. */
  tagKinds: readonly string[];
  /** Own tags and the two implied ones; null when one is outside the scope. */
  tagsOf(parts: P): readonly string[] | null;
  scopeOf(parts: P): string;
  load(parts: P, context: LoadContext): Promise<T | null>;
}>;

/** One row of the printed table of definitions. */
export type DefinitionRow = Readonly<{
  name: string;
  scope: Scope;
  class: string;
  ttl_ms: number;
  grace_ms: number;
  negative_ttl_ms: number;
  max_bytes: number;
  timeout_ms: number;
}>;

const namePattern = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/;

/** Checks a definition; throws DefinitionError with what is wrong. `names` holds the earlier ones and takes this one. */
export function compileDefinition<P extends Parts, T>(
  d: Definition<P, T>,
  names: Set<string>,
): Compiled<P, T> {
  const fail = (what: string): never => {
    throw new DefinitionError(`cache definition ${JSON.stringify(d.name)}: ${what}`);
  };
  if (!namePattern.test(d.name)) fail("the name is not like bank.balance");
  if (names.has(d.name)) fail("the name is taken");
  const grace_ms = d.grace_ms ?? 0;
  const negative_ttl_ms = d.negative_ttl_ms ?? 0;
  const max_bytes = d.max_bytes ?? L2_ENTRY_BYTES_MAX;
  const timeout_ms = d.timeout_ms ?? LOAD_TIMEOUT_DEFAULT_MS;
  const between = (what: string, value: number, low: number, high: number): void => {
    if (!(Number.isInteger(value) && value >= low && value <= high)) {
      fail(`${what} is ${value}, not a whole number from ${low} to ${high}`);
    }
  };
  between("ttl_ms", d.ttl_ms, 1, ENTRY_LIFE_MAX_MS);
  between("grace_ms", grace_ms, 0, ENTRY_LIFE_MAX_MS);
  between("ttl_ms + grace_ms", d.ttl_ms + grace_ms, 1, ENTRY_LIFE_MAX_MS);
  between("negative_ttl_ms", negative_ttl_ms, 0, NEGATIVE_TTL_MAX_MS);
  between("max_bytes", max_bytes, 1, L2_ENTRY_BYTES_MAX);
  between("timeout_ms", timeout_ms, 1, LOAD_TIMEOUT_MAX_MS);
  if (d.class === "strict" && grace_ms > 0) fail("strict has no grace");
  if (d.class !== "strict" && d.confirm !== undefined) fail("only strict is confirmed");
  const tagKinds = probeTags(d, fail).map(kindOf);
  names.add(d.name);
  return Object.freeze({
    name: d.name,
    scope: d.scope,
    class: d.class,
    reader: d.class === "strict" && d.confirm !== "writer",
    ttl_ms: d.ttl_ms,
    grace_ms,
    negative_ttl_ms,
    l1_max_bytes: Math.min(max_bytes, L1_ENTRY_BYTES_MAX),
    l2_max_bytes: max_bytes,
    timeout_ms,
    comparable: d.class !== "relaxed" && d.moves !== true,
    warm: d.warm === true,
    key: new KeyEncoder(d.name),
    tagKinds,
    tagsOf: tagger(d),
    scopeOf: (parts: P) => scopeText(d.scope, parts),
    load: (parts: P, context: LoadContext) => d.load(parts, context),
  });
}

/** The row of the printed table. */
export function describeDefinition<P extends Parts, T>(d: Compiled<P, T>): DefinitionRow {
  const confirmed = d.class === "strict" ? `strict, ${d.reader ? "reader" : "writer"} confirms` : d.class;
  return {
    name: d.name,
    scope: d.scope,
    class: confirmed,
    ttl_ms: d.ttl_ms,
    grace_ms: d.grace_ms,
    negative_ttl_ms: d.negative_ttl_ms,
    max_bytes: d.l2_max_bytes,
    timeout_ms: d.timeout_ms,
  };
}

function scopeText(scope: Scope, parts: Parts): string {
  if (scope === "public") return publicScope;
  return scope === "business"
    ? businessScope(String(parts["business_id"]))
    : userScope(String(parts["user_id"]));
}

/** Asks for the tags of made-up parts: what does not depend on them is seen before the first request. */
function probeTags<P extends Parts, T>(d: Definition<P, T>, fail: (what: string) => never): readonly Tag[] {
  const nothing: Record<string, PartValue> = {};
  const probe = new Proxy(nothing, {
    get: (_, name) => (typeof name === "string" ? `probe-${name}` : undefined),
    has: () => true,
  }) as P;
  const scope = scopeText(d.scope, probe);
  let tags: readonly Tag[] = [];
  try {
    tags = d.tags(probe);
  } catch (error) {
    fail(`tags() fails: ${String(error)}`);
  }
  for (const tag of tags) {
    if (scopeOf(tag) !== scope) fail(`the tag ${JSON.stringify(tag)} is outside the scope ${scope}`);
    if (d.confirm === "writer" && !isAwaited(tag)) {
      fail(`the writer confirms, but nobody awaits the tag ${JSON.stringify(tag)}`);
    }
  }
  return tags;
}

function tagger<P extends Parts, T>(d: Definition<P, T>): (parts: P) => readonly string[] | null {
  const implied = definitionTag(d.name);
  return (parts) => {
    const scope = scopeText(d.scope, parts);
    const own = d.tags(parts);
    for (const tag of own) {
      if (!isOfScope(tag, scope) || (d.confirm === "writer" && !isAwaited(tag))) return null;
    }
    const whole = wholeScope(scope);
    // As most have it, without an iterator.
    if (own.length === 1) return [own[0] as Tag, implied, whole];
    return [...new Set<string>(own), implied, whole];
  };
}
