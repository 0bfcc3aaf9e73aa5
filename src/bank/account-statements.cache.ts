import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { readStatementPage, type StatementPageParts } from "./account-statements.ts";
import { ownTags } from "./own.ts";
import { getStatement } from "./statements.ts";
import { statementsTag, statementTag } from "./tags.ts";

/** Statements of account: one that was made never changes, so only who may see it can. */
export const statementCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<StatementPageParts>(
    { cache, cursors },
    {
      class: "bounded",
      scope: "business",
      ttl_ms: 60_000,
      name: "bank.statements.page",
      tags: (parts) => [statementsTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readStatementPage(db, parts, context),
    },
  ),
  statement: cache.endpoint<{ business_id: string; own_user_id: string | null; statement_id: string }>({
    class: "relaxed",
    scope: "business",
    ttl_ms: 3_600_000,
    name: "bank.statement",
    tags: (parts) => [statementTag(parts.business_id, parts.statement_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getStatement, parts, context))[0] ?? null,
  }),
});
