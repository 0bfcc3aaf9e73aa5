import { customersTag } from "../core/tags.ts";
import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import type { GetOptions, Lookup, SharedBytes } from "../platform/cache/index.ts";
import { type AccountPageParts, readAccountPage } from "./accounts.ts";
import { type Own, ownTags } from "./own.ts";
import { findAccount, getAccount, getMarkings } from "./statements.ts";
import { savingsAccountsTag, savingsAccountTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 30_000 } as const;

/** Which account, and whose eyes see it. */
export type AccountParts = Own & { business_id: string; account_id: string };

const tenDigits = /^[0-9]{10}$/;

/** Savings accounts, with the names of their customers, and their cards. */
export const accountCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => {
  const account = cache.endpoint<AccountParts>({
    ...bounded,
    name: "savings.account",
    tags: (parts) => [
      savingsAccountTag(parts.business_id, parts.account_id),
      customersTag(parts.business_id),
      ...ownTags(parts),
    ],
    load: async (parts, context) => (await db.fast.query(getAccount, parts, context))[0] ?? null,
  });
  /** A number stays with its account; one that is not there may be given at any time, and is not kept. */
  const numbers = cache.query<{ business_id: string; tracking_number: string }, string>({
    ...bounded,
    name: "savings.account_number",
    ttl_ms: 600_000,
    tags: ({ business_id }) => [savingsAccountsTag(business_id)],
    load: async (parts, context) => (await db.fast.query(findAccount, parts, context))[0]?.account_id ?? null,
  });
  return {
    page: cachePages<AccountPageParts>(
      { cache, cursors },
      {
        ...bounded,
        name: "savings.accounts.page",
        tags: (parts) => [
          savingsAccountsTag(parts.business_id),
          customersTag(parts.business_id),
          ...ownTags(parts),
        ],
        load: (parts, context) => readAccountPage(db, parts, context),
      },
    ),
    account: {
      /** `account_id`: an id, or a tracking number. */
      get(parts: AccountParts, options: GetOptions): Lookup<SharedBytes> | Promise<Lookup<SharedBytes>> {
        if (!tenDigits.test(parts.account_id)) return account.get(parts, options);
        const of = (named: Lookup<string>): Lookup<SharedBytes> | Promise<Lookup<SharedBytes>> =>
          named.value === null
            ? { ...named, value: null }
            : account.get({ ...parts, account_id: named.value }, options);
        const { business_id, account_id: tracking_number } = parts;
        const named = numbers.get({ business_id, tracking_number }, options);
        return named instanceof Promise ? named.then(of) : of(named);
      },
    },
    /** What was missed depends on the day, and the day on the zone. */
    markings: cache.endpoint<AccountParts & { timezone: string; today: string }>({
      ...bounded,
      name: "savings.markings",
      tags: (parts) => [savingsAccountTag(parts.business_id, parts.account_id), ...ownTags(parts)],
      load: async (parts, context) => (await db.fast.query(getMarkings, parts, context))[0]?.body ?? null,
    }),
  };
};
