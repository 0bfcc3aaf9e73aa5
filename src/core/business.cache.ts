import type { Deps } from "../http/deps.ts";
import { getBusiness } from "./statements.ts";
import { businessTag } from "./tags.ts";

/** A business as its members see it. */
export const businessCache = ({ cache, db }: Pick<Deps, "cache" | "db">) =>
  cache.endpoint<{ business_id: string }>({
    class: "strict",
    confirm: "writer",
    scope: "business",
    name: "core.business",
    ttl_ms: 600_000,
    tags: ({ business_id }) => [businessTag(business_id)],
    load: async (parts, context) => (await db.fast.query(getBusiness, parts, context))[0] ?? null,
  });

export type BusinessCache = ReturnType<typeof businessCache>;
