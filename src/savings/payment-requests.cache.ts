import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type Own, ownTags } from "./own.ts";
import { type PaymentRequestPageParts, readPaymentRequestPage } from "./payment-requests.ts";
import { getPaymentRequest } from "./statements.ts";
import { paymentRequestsTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 15_000 } as const;

/** Payment requests as queues, agents and customers see them. */
export const paymentRequestCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<PaymentRequestPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "savings.payment_requests.page",
      tags: (parts) => [paymentRequestsTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readPaymentRequestPage(db, parts, context),
    },
  ),
  request: cache.endpoint<Own & { business_id: string; payment_request_id: string }>({
    ...bounded,
    name: "savings.payment_request",
    tags: (parts) => [paymentRequestsTag(parts.business_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getPaymentRequest, parts, context))[0] ?? null,
  }),
});
