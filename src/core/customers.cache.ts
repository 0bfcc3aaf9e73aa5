import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type CustomerPageParts, readCustomerPage } from "./customers.ts";
import { getCustomer } from "./statements.ts";
import { customersTag, customerTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 30_000 } as const;

/** Customers as lists and forms show them. */
export const customerCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<CustomerPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "core.customers.page",
      tags: ({ business_id }) => [customersTag(business_id)],
      load: (parts, context) => readCustomerPage(db, parts, context),
    },
  ),
  customer: cache.endpoint<{ business_id: string; customer_id: string }>({
    ...bounded,
    name: "core.customer",
    tags: ({ business_id, customer_id }) => [customerTag(business_id, customer_id)],
    load: async (parts, context) => (await db.fast.query(getCustomer, parts, context))[0] ?? null,
  }),
});
