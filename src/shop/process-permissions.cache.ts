import type { Deps } from "../http/deps.ts";
import { getProcessPermissions } from "./statements.ts";
import { permissionsTag } from "./tags.ts";

/** What roles may do with processes: read with every step, changed seldom, so its writer waits. */
export const processPermissionCache = ({ cache, db }: Pick<Deps, "cache" | "db">) =>
  cache.endpoint<{ business_id: string }>({
    class: "strict",
    confirm: "writer",
    scope: "business",
    ttl_ms: 600_000,
    name: "shop.process_permissions",
    tags: ({ business_id }) => [permissionsTag(business_id)],
    load: async (parts, context) => (await db.fast.query(getProcessPermissions, parts, context))[0] ?? null,
  });
