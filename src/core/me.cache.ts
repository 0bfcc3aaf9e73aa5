import type { Deps } from "../http/deps.ts";
import { versionOf } from "../http/etag.ts";
import type { Resource } from "../http/respond.ts";
import type { GetOptions, Lookup } from "../platform/cache/index.ts";
import type { BusinessCache } from "./business.cache.ts";
import { getMe } from "./statements.ts";
import { membershipsTag, userTag } from "./tags.ts";

/** Somebody working in a business. */
type Somebody = { user_id: string; business_id: string };
/** `seen`: id and version of each business that they belong to or are invited to, as JSON. */
type Me = Resource & { seen: string };

/**
 * The profile, and with it names and time zones of all businesses of the person: those change for many people at once,
 * in a scope that is not the person's. So an answer is used only while each business is, strictly, in the version that
 * the answer saw; the first to find another ends the answers of this person and reads once more.
 */
export const meCache = ({ cache, db }: Pick<Deps, "cache" | "db">, businesses: BusinessCache) => {
  const me = cache.query<Somebody, Me>({
    class: "strict",
    confirm: "writer",
    scope: "user",
    name: "core.me",
    ttl_ms: 600_000,
    tags: ({ user_id }) => [userTag(user_id), membershipsTag(user_id)],
    load: async (parts, context) => (await db.fast.query(getMe, parts, context))[0] ?? null,
  });
  const isCurrent = async (seen: string, options: GetOptions): Promise<boolean> => {
    const versions = JSON.parse(seen) as readonly [business_id: string, version: number][];
    const same = versions.map(async ([business_id, version]) => {
      const { value, etag } = await businesses.get({ business_id }, options);
      return value !== null && versionOf(etag) === version;
    });
    return (await Promise.all(same)).every(Boolean);
  };
  const get = async (parts: Somebody, options: GetOptions): Promise<Lookup<Readonly<Resource>>> => {
    const found = await me.get(parts, options);
    const isOwn = found.from === "load" || found.from === "bypass";
    if (found.value === null || isOwn || (await isCurrent(found.value.seen, options))) return found;
    // Nothing older is served here from this call on; nobody waits until all have heard, for they find out as we did.
    void cache.invalidate([membershipsTag(parts.user_id)], { outbox_ids: [] });
    return me.get(parts, options);
  };
  return { get };
};
