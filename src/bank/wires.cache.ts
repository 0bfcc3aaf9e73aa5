import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { ownTags } from "./own.ts";
import { getWire, getWireStats } from "./statements.ts";
import { accountsTag, transfersTag, wiresTag } from "./tags.ts";
import { readWirePage, type WirePageParts } from "./wires.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 15_000 } as const;

/** Wires as queues and customers see them, and the figures beside them. */
export const wireCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<WirePageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "bank.wires.page",
      tags: (parts) => [wiresTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readWirePage(db, parts, context),
    },
  ),
  wire: cache.endpoint<{ business_id: string; own_user_id: string | null; wire_transfer_id: string }>({
    ...bounded,
    name: "bank.wire",
    tags: (parts) => [wiresTag(parts.business_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getWire, parts, context))[0] ?? null,
  }),
  /** The day in the key: at midnight limits begin anew. What is left of them follows every movement of money. */
  stats: cache.endpoint<{
    business_id: string;
    own_user_id: string | null;
    customer_id: string | null;
    timezone: string;
    today: string;
  }>({
    class: "strict",
    confirm: "reader",
    scope: "business",
    ttl_ms: 30_000,
    name: "bank.wires.stats",
    tags: (parts) => [
      wiresTag(parts.business_id),
      transfersTag(parts.business_id),
      accountsTag(parts.business_id),
      ...ownTags(parts),
    ],
    load: async ({ business_id, own_user_id, customer_id }, context) => {
      const [row] = await db.report.query(getWireStats, { business_id, own_user_id, customer_id }, context);
      return row?.body ?? null;
    },
  }),
});
