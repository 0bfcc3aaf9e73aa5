import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type CollectionPageParts, readCollectionPage } from "./collections.ts";
import { type Own, ownTags } from "./own.ts";
import { getCollection } from "./statements.ts";
import { collectionsTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 15_000 } as const;

/** What was collected, as lists and receipts show it. */
export const collectionCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<CollectionPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "savings.collections.page",
      tags: (parts) => [collectionsTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readCollectionPage(db, parts, context),
    },
  ),
  collection: cache.query<
    Own & { business_id: string; collection_id: string },
    { body: string; version: number }
  >({
    ...bounded,
    name: "savings.collection",
    tags: (parts) => [collectionsTag(parts.business_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getCollection, parts, context))[0] ?? null,
  }),
});
