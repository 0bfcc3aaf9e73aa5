import { matchesGlob } from "./glob.ts";
import { definitionTag, type Tag, wholeScope } from "./tags.ts";

/** What a `clear` comes to: tags to bump, or a new generation everywhere; and what to call it. */
export type Clearing = Readonly<{ everything: boolean; tags: readonly Tag[]; cleared: readonly string[] }>;

/**
 * Widens a request to whole definitions and whole scopes, the two things that every entry is tagged with. `prefix`
 * means every definition whose name begins with it. `pattern` is a glob over `name:scope:id` (scope `b`, `u` or `pub`;
 * `*` and `?`): with an exact id it becomes that scope, else the definitions that the name matches. Forgetting too
 * much is always right.
 */
export function planClear(
  what: { prefix?: string | undefined; pattern?: string | undefined },
  names: readonly string[],
): Clearing {
  if (what.prefix === undefined && what.pattern === undefined) {
    return { everything: true, tags: [], cleared: ["*"] };
  }
  const chosen = new Map<string, Tag>();
  const { prefix, pattern } = what;
  if (prefix !== undefined) {
    for (const name of names) if (name.startsWith(prefix)) chosen.set(name, definitionTag(name));
  }
  if (pattern !== undefined) {
    const [name = "*", kind = "*", ...rest] = pattern.split(":");
    const id = rest.length === 0 ? "*" : rest.join(":");
    const scope = exactScope(kind, id);
    const matches = names.filter((candidate) => matchesGlob(name, candidate));
    if (scope === null) for (const match of matches) chosen.set(match, definitionTag(match));
    else if (matches.length > 0) chosen.set(scope, wholeScope(scope));
  }
  return { everything: false, tags: [...chosen.values()], cleared: [...chosen.keys()] };
}

/** The one scope that this names; null when it may be several. */
function exactScope(kind: string, id: string): string | null {
  if (kind === "pub" || kind === "public") return "pub";
  const letter = kind === "b" || kind === "business" ? "b" : kind === "u" || kind === "user" ? "u" : null;
  return letter !== null && /^[A-Za-z0-9_-]{1,64}$/.test(id) ? `${letter}:${id}` : null;
}
