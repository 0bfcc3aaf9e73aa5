import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { chatRoutes } from "./chat.routes.ts";
import { ledgerImportRoutes, transactionBatchRoutes } from "./transactions-many.routes.ts";
import { transactionRoutes } from "./transactions.routes.ts";

/** Everything that budgets answer. */
export const budgetRoutes = (deps: Deps) =>
  new Elysia({ name: "budget" })
    .use(transactionRoutes(deps))
    .use(transactionBatchRoutes(deps))
    .use(ofLedger(deps))
    .use(chatRoutes(deps));

/** Without the bank nobody has entries of their own. */
function ofLedger(deps: Deps): ReturnType<typeof ledgerImportRoutes> {
  return deps.config.modules.includes("bank") ? ledgerImportRoutes(deps) : new Elysia();
}
