import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { ledgerAccountTag } from "../ledger/tags.ts";
import type { AccountParts } from "./accounts.cache.ts";
import { ownTags } from "./own.ts";
import { getBalance } from "./statements.ts";
import { transfersTag } from "./tags.ts";
import { readTransactionPage, type TransactionPageParts } from "./transactions.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 15_000 } as const;

/** Balances, which nobody is ever shown an older one of, and what moved them. */
export const moneyCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  balance: cache.endpoint<AccountParts>({
    name: "bank.balance",
    class: "strict",
    confirm: "reader",
    scope: "business",
    ttl_ms: 60_000,
    tags: (parts) => [ledgerAccountTag(parts.business_id, parts.account_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getBalance, parts, context))[0]?.body ?? null,
  }),
  ofAccount: cachePages<TransactionPageParts & { account_id: string }>(
    { cache, cursors },
    {
      ...bounded,
      name: "bank.account.transactions",
      tags: (parts) => [ledgerAccountTag(parts.business_id, parts.account_id), ...ownTags(parts)],
      load: (parts, context) => readTransactionPage(db, parts, context),
    },
  ),
  ofAll: cachePages<TransactionPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "bank.transactions",
      tags: (parts) => [transfersTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readTransactionPage(db, parts, context),
    },
  ),
});
