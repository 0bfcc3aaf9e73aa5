import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { ownTags } from "./own.ts";
import { getTransfer } from "./statements.ts";
import { transfersTag } from "./tags.ts";
import { readTransferPage, type TransferPageParts } from "./transfers.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 15_000 } as const;

/** Movements of money as lists and details show them. */
export const transferCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<TransferPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "bank.transfers.page",
      tags: (parts) => [transfersTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readTransferPage(db, parts, context),
    },
  ),
  transfer: cache.query<
    { business_id: string; transfer_id: string; own_user_id: string | null },
    { body: string; version: number }
  >({
    ...bounded,
    name: "bank.transfer",
    tags: (parts) => [transfersTag(parts.business_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getTransfer, parts, context))[0] ?? null,
  }),
});
