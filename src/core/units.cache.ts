import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage } from "../http/pagination.ts";
import { getUnit, listUnits } from "./statements.ts";
import { unitsTag } from "./tags.ts";
import type { UnitPageParts } from "./units.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 600_000 } as const;

/** Units: few, in many forms, seldom changed. */
export const unitCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<UnitPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "core.units.page",
      tags: ({ business_id }) => [unitsTag(business_id)],
      load: async (parts, context) => (await db.report.query(listUnits, parts, context))[0] ?? emptyPage,
    },
  ),
  unit: cache.endpoint<{ business_id: string; unit_id: string }>({
    ...bounded,
    name: "core.unit",
    tags: ({ business_id }) => [unitsTag(business_id)],
    load: async (parts, context) => (await db.fast.query(getUnit, parts, context))[0] ?? null,
  }),
});
