import type { Deps } from "../http/deps.ts";
import { ownTags } from "./own.ts";
import { getBusinessOverview, getCustomerOverview } from "./statements.ts";
import { accountsTag, kycTag, overviewTag, wiresTag } from "./tags.ts";

/** The zone decides what today and this month are. */
type OfCustomer = {
  business_id: string;
  own_user_id: string | null;
  customer_id: string;
  timezone: string;
  today: string;
};

const bounded = { class: "bounded", scope: "business" } as const;

/** Overviews: each is one statement that returns one JSON text. Whoever changes where a customer stands names `overviewTag`. */
export const overviewCache = ({ cache, db }: Pick<Deps, "cache" | "db">) => ({
  business: cache.endpoint<{ business_id: string }>({
    ...bounded,
    name: "bank.overview.business",
    // It says as of when, and the last 24 hours go by the clock.
    moves: true,
    ttl_ms: 30_000,
    tags: ({ business_id }) => [overviewTag(business_id), wiresTag(business_id)],
    load: async (parts, context) =>
      (await db.report.query(getBusinessOverview, parts, context))[0]?.body ?? null,
  }),
  customer: cache.endpoint<OfCustomer>({
    ...bounded,
    name: "bank.overview.customer",
    moves: true,
    ttl_ms: 15_000,
    tags: (parts) => {
      const { business_id: b, customer_id } = parts;
      return [overviewTag(b), wiresTag(b), accountsTag(b), kycTag(b, customer_id), ...ownTags(parts)];
    },
    load: async (parts, context) =>
      (await db.report.query(getCustomerOverview, parts, context))[0]?.body ?? null,
  }),
});
