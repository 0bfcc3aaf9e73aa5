import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage } from "../http/pagination.ts";
import { settingEntry, settingKeys } from "./settings-catalogue.ts";
import type { SettingKey } from "./settings-catalogue.ts";
import { getSetting, listSettings } from "./statements.ts";
import { settingsTag } from "./tags.ts";

const strictly = {
  class: "strict",
  confirm: "writer",
  scope: "business",
  ttl_ms: 600_000,
} as const;

/**
 * Settings as they hold. Their catalogue stands in the answers, so its digest is a part: a replica of another release, or
 * with other modules, keeps answers of its own. A setting of the whole installation has no route that writes it; who
 * changes one in the database writes `*!core.setting` and `*!core.settings.all` into the outbox, or waits for the TTL.
 */
export const settingCache = ({
  cache,
  cursors,
  db,
  config,
}: Pick<Deps, "cache" | "cursors" | "db" | "config">) => {
  const catalogue = JSON.stringify(settingKeys(config.modules).map(settingEntry));
  const digest = new Bun.CryptoHasher("sha256").update(catalogue).digest("base64url");
  const all = cachePages<{ business_id: string; catalogue: string }>(
    { cache, cursors },
    {
      ...strictly,
      name: "core.settings.all",
      tags: ({ business_id }) => [settingsTag(business_id)],
      load: async ({ business_id }, context) => {
        const [row] = await db.fast.query(listSettings, { business_id, catalogue }, context);
        return { ...emptyPage, ...row };
      },
    },
  );
  const one = cache.endpoint<{ business_id: string; catalogue: string; key: SettingKey }>({
    ...strictly,
    name: "core.setting",
    tags: ({ business_id }) => [settingsTag(business_id)],
    load: async ({ business_id, key }, context) => {
      const entry = JSON.stringify(settingEntry(key));
      const [row] = await db.fast.query(getSetting, { business_id, entry }, context);
      return row === undefined ? null : { body: row.body, version: row.version };
    },
  });
  return { all, one, catalogue: digest };
};
