import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { readSpending, type SpendingParts } from "./spending.ts";
import { getTransaction } from "./statements.ts";
import { budgetTag } from "./tags.ts";
import { readTransactionPage, type TransactionPageParts } from "./transactions.ts";

const bounded = { class: "bounded", scope: "user" } as const;
const tags = ({ user_id, budget_id }: { user_id: string; budget_id: string }) => [
  budgetTag(user_id, budget_id),
];

type TransactionParts = { business_id: string; user_id: string; budget_id: string; transaction_id: string };

/** Transactions of a budget, and what they come to. */
export const transactionCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<TransactionPageParts>(
    { cache, cursors },
    {
      ...bounded,
      tags,
      ttl_ms: 30_000,
      name: "budget.transactions.page",
      load: (parts, context) => readTransactionPage(db, parts, context),
    },
  ),
  transaction: cache.endpoint<TransactionParts>({
    ...bounded,
    tags,
    ttl_ms: 30_000,
    name: "budget.transaction",
    load: async (parts, context) => (await db.fast.query(getTransaction, parts, context))[0] ?? null,
  }),
  spending: cachePages<SpendingParts>(
    { cache, cursors },
    {
      ...bounded,
      tags,
      ttl_ms: 120_000,
      name: "budget.spending",
      load: (parts, context) => readSpending(db, parts, context),
    },
  ),
});
