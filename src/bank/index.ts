import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { accountStatementRoutes } from "./account-statements.routes.ts";
import { accountActionRoutes } from "./account-actions.routes.ts";
import { accountRoutes } from "./accounts.routes.ts";
import { moneyRoutes } from "./money.routes.ts";
import { beneficiaryRoutes } from "./beneficiaries.routes.ts";
import { kycDocumentRoutes } from "./kyc-documents.routes.ts";
import { kycCache } from "./kyc.cache.ts";
import { kycRoutes } from "./kyc.routes.ts";
import { overviewRoutes } from "./overview.routes.ts";
import { createPosting } from "./posting.ts";
import { transferActionRoutes } from "./transfers-actions.routes.ts";
import { transferRoutes } from "./transfers.routes.ts";
import { watchlistRoutes } from "./watchlist.routes.ts";
import { wireDecisionRoutes } from "./wire-decisions.routes.ts";
import { wireRoutes } from "./wires.routes.ts";

/** Everything the bank answers. */
export const bankRoutes = (deps: Deps) => {
  const kyc = kycCache(deps);
  return new Elysia({ name: "bank" })
    .use(accountRoutes(deps))
    .use(accountActionRoutes(deps))
    .use(moneyRoutes(deps))
    .use(transferRoutes(deps, createPosting(deps)))
    .use(transferActionRoutes(deps))
    .use(beneficiaryRoutes(deps))
    .use(watchlistRoutes(deps))
    .use(wireRoutes(deps))
    .use(wireDecisionRoutes(deps))
    .use(kycRoutes(deps, kyc))
    .use(kycDocumentRoutes(deps, kyc))
    .use(accountStatementRoutes(deps))
    .use(overviewRoutes(deps));
};
