import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type CommissionPageParts, readCommissionPage } from "./commissions.ts";
import { ownTags } from "./own.ts";
import { commissionsTag } from "./tags.ts";

/** What agents have earned. */
export const commissionCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<CommissionPageParts>(
    { cache, cursors },
    {
      class: "bounded",
      scope: "business",
      ttl_ms: 60_000,
      name: "savings.commissions.page",
      tags: ({ business_id, own_agent_id }) => [
        commissionsTag(business_id),
        ...ownTags({ business_id, own_user_id: null, own_agent_id }),
      ],
      load: (parts, context) => readCommissionPage(db, parts, context),
    },
  ),
});
