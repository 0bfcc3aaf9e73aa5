import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type BeneficiaryPageParts, readBeneficiaryPage } from "./beneficiaries.ts";
import { ownTags } from "./own.ts";
import { getBeneficiary } from "./statements.ts";
import { beneficiariesTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 60_000 } as const;

/** Beneficiaries as lists and forms show them. */
export const beneficiaryCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<BeneficiaryPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "bank.beneficiaries.page",
      tags: (parts) => [beneficiariesTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readBeneficiaryPage(db, parts, context),
    },
  ),
  beneficiary: cache.endpoint<{ business_id: string; own_user_id: string | null; beneficiary_id: string }>({
    ...bounded,
    name: "bank.beneficiary",
    tags: (parts) => [beneficiariesTag(parts.business_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getBeneficiary, parts, context))[0] ?? null,
  }),
});
