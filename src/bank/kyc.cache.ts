import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import type { Resource } from "../http/respond.ts";
import type { DocumentStatus } from "../platform/enums.ts";
import { ownTags } from "./own.ts";
import { getKycNextSteps, getKycStatus, listKycDocuments } from "./statements.ts";
import { kycTag } from "./tags.ts";

/** A customer, as one who sees all of the business, or as the person behind them. */
export type KycParts = { business_id: string; customer_id: string; own_user_id: string | null };

export type KycDocumentPageParts = KycParts & {
  status: DocumentStatus | null;
  after: string | null;
  limit_rows: number;
};

const scope = "business";
const minute_ms = 60_000;
const strictly = { class: "strict", confirm: "reader", scope, ttl_ms: minute_ms } as const;
const tags = (parts: KycParts) => [kycTag(parts.business_id, parts.customer_id), ...ownTags(parts)];

/** What is known of who a customer is. What opens or closes doors is strict; the documents may be a moment behind. */
export const kycCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  status: cache.query<KycParts, Resource>({
    ...strictly,
    name: "bank.kyc.status",
    tags,
    load: async (parts, context) => (await db.fast.query(getKycStatus, parts, context))[0] ?? null,
  }),
  /** A document of an address counts for some days only, so what is missing depends on today. */
  nextSteps: cache.endpoint<KycParts & { today: string }>({
    ...strictly,
    name: "bank.kyc.next_steps",
    tags,
    load: async (parts, context) => (await db.fast.query(getKycNextSteps, parts, context))[0]?.body ?? null,
  }),
  documents: cachePages<KycDocumentPageParts>(
    { cache, cursors },
    {
      class: "bounded",
      scope,
      ttl_ms: minute_ms,
      name: "bank.kyc.documents",
      tags,
      load: async (parts, context) => (await db.report.query(listKycDocuments, parts, context))[0] ?? null,
    },
  ),
});
