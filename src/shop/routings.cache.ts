import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage } from "../http/pagination.ts";
import { getRouting, listRoutings } from "./statements.ts";
import { machinesTag, processesTag, routingsTag } from "./tags.ts";

export type RoutingPageParts = {
  business_id: string;
  is_active: boolean;
  after: string | null;
  limit_rows: number;
};

const bounded = { class: "bounded", scope: "business", ttl_ms: 600_000 } as const;

/** Routings: few, seldom changed. */
export const routingCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<RoutingPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.routings.page",
      tags: ({ business_id }) => [routingsTag(business_id)],
      load: async (parts, context) => (await db.report.query(listRoutings, parts, context))[0] ?? emptyPage,
    },
  ),
  routing: cache.endpoint<{ business_id: string; routing_id: string }>({
    ...bounded,
    name: "shop.routing",
    // It names processes and machines.
    tags: ({ business_id: b }) => [routingsTag(b), processesTag(b), machinesTag(b)],
    load: async (parts, context) => (await db.fast.query(getRouting, parts, context))[0] ?? null,
  }),
});
