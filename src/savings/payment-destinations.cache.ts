import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { ownTags } from "./own.ts";
import { type PaymentDestinationPageParts, readPaymentDestinationPage } from "./payment-destinations.ts";
import { destinationsTag } from "./tags.ts";

/** Where customers are paid, as lists and forms show it. */
export const paymentDestinationCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<PaymentDestinationPageParts>(
    { cache, cursors },
    {
      class: "bounded",
      scope: "business",
      ttl_ms: 60_000,
      name: "savings.payment_destinations.page",
      tags: ({ business_id, own_user_id }) => [
        destinationsTag(business_id),
        ...ownTags({ business_id, own_user_id, own_agent_id: null }),
      ],
      load: (parts, context) => readPaymentDestinationPage(db, parts, context),
    },
  ),
});
