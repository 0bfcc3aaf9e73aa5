import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { ledgerAccountRoutes } from "./accounts.routes.ts";
import { ledgerTransactionRoutes } from "./transactions.routes.ts";
import { ledgerTransactionActionRoutes } from "./transactions-actions.routes.ts";

/** Everything the ledger answers by itself. */
export const ledgerRoutes = (deps: Deps) =>
  new Elysia({ name: "ledger" })
    .use(ledgerAccountRoutes(deps))
    .use(ledgerTransactionRoutes(deps))
    .use(ledgerTransactionActionRoutes(deps));
