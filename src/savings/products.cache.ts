import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type ProductPageParts, readProductPage } from "./products.ts";
import { getProduct } from "./statements.ts";
import { productsTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 600_000 } as const;

/** Products: they are few, change seldom, and everybody may see them. */
export const productCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<ProductPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "savings.products.page",
      tags: ({ business_id }) => [productsTag(business_id)],
      load: (parts, context) => readProductPage(db, parts, context),
    },
  ),
  product: cache.endpoint<{ business_id: string; product_id: string }>({
    ...bounded,
    name: "savings.product",
    tags: ({ business_id }) => [productsTag(business_id)],
    load: async (parts, context) => (await db.fast.query(getProduct, parts, context))[0] ?? null,
  }),
});
