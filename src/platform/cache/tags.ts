import { cellOf, safeId } from "./key.ts";

declare const tagBrand: unique symbol;

/**
 * What a commit changed: `<scope>|<kind>:<id>…`, or with `!` for `|` where the answer to the write waits for the
 * replicas. Plain text, so that an outbox row holds it and any replica can bump it. Only the builders here make one.
 */
export type Tag = string & { readonly [tagBrand]: true };

export type TagOptions = Readonly<{
  /** The answer to a write waits until every replica has heard: for all that a writer-confirmed definition uses. */
  awaited?: boolean;
}>;
type Id = string | number;

const none: readonly Id[] = [];
/** Ids of which one kind of text is remembered. */
const REMEMBERED_MAX = 1024;
const kindPattern = /^[a-z][a-z0-9_]*$/;

/** The scope of everything that belongs to a business. */
export const businessScope = remembered((business_id: string): string => `b:${safeId(business_id)}`);
/** The scope of everything that belongs to a user, whatever the business. */
export const userScope = remembered((user_id: string): string => `u:${safeId(user_id)}`);
/** The scope of what belongs to nobody. */
export const publicScope = "pub";

/** A kind of thing of a business: `const accountTag = businessTags("account")`, then `accountTag(business_id, id)`. */
export function businessTags(kind: string, options: TagOptions = {}) {
  const middle = checked(kind, options);
  const whole = remembered((business_id: string): Tag => build(businessScope(business_id), middle, none));
  return (business_id: string, ...ids: readonly Id[]): Tag =>
    ids.length === 0 ? whole(business_id) : build(businessScope(business_id), middle, ids);
}

/** A kind of thing of a user. */
export function userTags(kind: string, options: TagOptions = {}) {
  const middle = checked(kind, options);
  const whole = remembered((user_id: string): Tag => build(userScope(user_id), middle, none));
  return (user_id: string, ...ids: readonly Id[]): Tag =>
    ids.length === 0 ? whole(user_id) : build(userScope(user_id), middle, ids);
}

/** A kind of public thing. */
export function publicTags(kind: string, options: TagOptions = {}) {
  const middle = checked(kind, options);
  return (...ids: readonly Id[]): Tag => build(publicScope, middle, ids);
}

/** Everything in a scope: one of the two tags that every entry has without being asked. Always awaited. */
export const wholeScope = (scope: string): Tag => `${scope}!` as Tag;
export const wholeBusiness = (business_id: string): Tag => wholeScope(businessScope(business_id));
export const wholeUser = (user_id: string): Tag => wholeScope(userScope(user_id));
export const wholePublic: Tag = wholeScope(publicScope);

/** Everything of a definition: the other one. It stands in every cell, and only `clear` bumps it. */
export const definitionTag = (name: string): Tag => `*!${name}` as Tag;

/** The scope that a tag belongs to; null for a definition's tag and for text that is no tag. */
export function scopeOf(tag: string): string | null {
  const end = tag.search(/[|!]/);
  if (end < 1) return null;
  const scope = tag.slice(0, end);
  return scope === "pub" || /^[bu]:[A-Za-z0-9_~-]+$/.test(scope) ? scope : null;
}

/** Whether it is a tag of this scope: `scopeOf` for who knows the scope already, in a fraction of the time. */
export function isOfScope(tag: string, scope: string): boolean {
  const mark = tag[scope.length];
  return (mark === "|" || mark === "!") && tag.startsWith(scope);
}

/** The cells in which a tag is bumped: all for a definition's, none for text that is no tag, else its scope's. */
export function cellsOfTag(tag: string, cells: number): readonly number[] {
  if (tag.startsWith("*!")) return Array.from({ length: cells }, (_, cell) => cell);
  const scope = scopeOf(tag);
  return scope === null ? [] : [cellOf(scope, cells)];
}

/** Whether the answer to a write of this tag waits for the replicas. */
export function isAwaited(tag: string): boolean {
  const mark = tag.search(/[|!]/);
  return mark >= 0 && tag[mark] === "!";
}

/** The kind of a tag with the kind of its scope, ids left out: `b|account`. */
export function kindOf(tag: string): string {
  const mark = tag.search(/[|!]/);
  const [kind = ""] = tag.slice(mark + 1).split(":");
  return `${tag[0]}${tag[mark]}${kind}`;
}

/**
 * What a function makes of an id, made once for as long as not too many others came: every lookup asks for the scope and
 * the tags of the same few, and a text that is put together anew must be copied together and hashed anew.
 */
function remembered<T extends string>(make: (id: string) => T): (id: string) => T {
  const made = new Map<string, T>();
  return (id) => {
    const known = made.get(id);
    if (known !== undefined) return known;
    if (made.size >= REMEMBERED_MAX) made.clear();
    const text = make(id);
    made.set(id, text);
    return text;
  };
}

function checked(kind: string, options: TagOptions): string {
  if (!kindPattern.test(kind)) throw new TypeError(`not a kind of tag: ${JSON.stringify(kind)}`);
  return `${options.awaited === true ? "!" : "|"}${kind}`;
}

function build(scope: string, middle: string, ids: readonly Id[]): Tag {
  let tag = scope + middle;
  for (const id of ids) tag += `:${safeId(id)}`;
  return tag as Tag;
}
