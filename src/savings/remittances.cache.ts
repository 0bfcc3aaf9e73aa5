import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type Own, ownTags } from "./own.ts";
import { readRemittancePage, type RemittancePageParts } from "./remittances.ts";
import { getRemittance } from "./statements.ts";
import { remittancesTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 15_000 } as const;

/** What agents hand over, as they and those who count it see it. */
export const remittanceCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<RemittancePageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "savings.remittances.page",
      tags: (parts) => [remittancesTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readRemittancePage(db, parts, context),
    },
  ),
  remittance: cache.endpoint<Own & { business_id: string; remittance_id: string }>({
    ...bounded,
    name: "savings.remittance",
    tags: (parts) => [remittancesTag(parts.business_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getRemittance, parts, context))[0] ?? null,
  }),
});
