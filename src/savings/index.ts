import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { accountImportRoutes } from "./accounts-import.routes.ts";
import { expenseRoutes } from "./expenses.routes.ts";
import { remittanceRoutes } from "./remittances.routes.ts";

/** Everything savings answers. */
export const savingsRoutes = (deps: Deps) =>
  new Elysia({ name: "savings" })
    .use(accountImportRoutes(deps))
    .use(remittanceRoutes(deps))
    .use(expenseRoutes(deps));
