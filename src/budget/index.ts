import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { chatRoutes } from "./chat.routes.ts";
import { allocationRoutes } from "./allocations.routes.ts";
import { headCache } from "./budgets.cache.ts";
import { ownBudgetRoutes } from "./budgets.routes.ts";
import { categoryCache } from "./categories.cache.ts";
import { categoryRoutes } from "./categories.routes.ts";
import { categoryGroupRoutes } from "./category-groups.routes.ts";
import { monthRoutes } from "./months.routes.ts";
import { planningRoutes } from "./planning.routes.ts";
import { ledgerImportRoutes, transactionBatchRoutes } from "./transactions-many.routes.ts";
import { transactionRoutes } from "./transactions.routes.ts";

/** Everything that budgets answer. */
export const budgetRoutes = (deps: Deps) => {
  const heads = headCache(deps);
  const categories = categoryCache(deps);
  return new Elysia({ name: "budget" })
    .use(ownBudgetRoutes(deps))
    .use(categoryGroupRoutes(deps, categories))
    .use(categoryRoutes(deps, categories))
    .use(monthRoutes(deps, heads))
    .use(planningRoutes(deps))
    .use(allocationRoutes(deps, heads))
    .use(transactionRoutes(deps))
    .use(transactionBatchRoutes(deps))
    .use(ofLedger(deps))
    .use(chatRoutes(deps));
};

/** Without the bank nobody has entries of their own. */
function ofLedger(deps: Deps): ReturnType<typeof ledgerImportRoutes> {
  return deps.config.modules.includes("bank") ? ledgerImportRoutes(deps) : new Elysia();
}
