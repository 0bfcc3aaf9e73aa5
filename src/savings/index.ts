import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { accountActionRoutes } from "./account-actions.routes.ts";
import { accountImportRoutes } from "./accounts-import.routes.ts";
import { accountRoutes } from "./accounts.routes.ts";
import { collectingRoutes } from "./collecting.routes.ts";
import { collectionRoutes } from "./collections.routes.ts";
import { commissionRoutes } from "./commissions.routes.ts";
import { expenseRoutes } from "./expenses.routes.ts";
import { metricsRoutes } from "./metrics.routes.ts";
import { paymentDestinationRoutes } from "./payment-destinations.routes.ts";
import { paymentRequestDecisionRoutes } from "./payment-request-decisions.routes.ts";
import { paymentRequestRoutes } from "./payment-requests.routes.ts";
import { productRoutes } from "./products.routes.ts";
import { remittanceRoutes } from "./remittances.routes.ts";
import { webhookRoutes } from "./webhooks.routes.ts";

/** Everything savings answers. */
export const savingsRoutes = (deps: Deps) =>
  new Elysia({ name: "savings" })
    .use(productRoutes(deps))
    .use(accountRoutes(deps))
    .use(accountActionRoutes(deps))
    .use(accountImportRoutes(deps))
    .use(collectingRoutes(deps))
    .use(collectionRoutes(deps))
    .use(commissionRoutes(deps))
    .use(expenseRoutes(deps))
    .use(metricsRoutes(deps))
    .use(paymentDestinationRoutes(deps))
    .use(paymentRequestDecisionRoutes(deps))
    .use(paymentRequestRoutes(deps))
    .use(remittanceRoutes(deps))
    .use(webhookRoutes(deps));
