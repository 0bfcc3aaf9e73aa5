import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type AccountPageParts, readAccountPage } from "./accounts.ts";
import { ownTags } from "./own.ts";
import { getAccount } from "./statements.ts";
import { accountsTag, accountTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 60_000 } as const;

/** Which account, and whose eyes see it. */
export type AccountParts = { business_id: string; account_id: string; own_user_id: string | null };

/** Accounts without their money. A KYC level changes those of a customer, whatever their ids: each has the tag of all. */
export const accountCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<AccountPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "bank.accounts.page",
      tags: (parts) => [accountsTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readAccountPage(db, parts, context),
    },
  ),
  account: cache.endpoint<AccountParts>({
    ...bounded,
    name: "bank.account",
    tags: (parts) => [
      accountsTag(parts.business_id),
      accountTag(parts.business_id, parts.account_id),
      ...ownTags(parts),
    ],
    load: async (parts, context) => {
      const [row] = await db.fast.query(getAccount, parts, context);
      return row === undefined ? null : { body: row.body, version: row.version };
    },
  }),
});
