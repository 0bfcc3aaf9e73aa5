import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { CollectionMethod, CollectionStatus } from "../platform/enums.ts";
import { collectionMoves } from "./collection-moves.ts";
import { type Own, ownOf } from "./own.ts";
import {
  findReversed,
  listCollections as listStatement,
  reverseCollection as reverseStatement,
} from "./statements.ts";
import { markingTags } from "./tags.ts";

export type CollectionQuery = Readonly<{
  agent_id?: string;
  unit_id?: string;
  savings_account_id?: string;
  /** The same day as `from` and `to`. */
  business_date?: string;
  from?: string;
  to?: string;
  method?: CollectionMethod;
  status?: CollectionStatus;
  limit?: number;
}>;

/** What a page of collections depends on. */
export type CollectionPageParts = Own & {
  business_id: string;
  agent_id: string | null;
  unit_id: string | null;
  savings_account_id: string | null;
  from: string | null;
  to: string | null;
  method: CollectionMethod | null;
  status: CollectionStatus | null;
  after: string | null;
  limit_rows: number;
};

const small = (id: string | undefined): string | null => id?.toLowerCase() ?? null;

/** A page of the collections that the caller may see, newest business date first. */
export function collectionPage(
  caller: Caller,
  query: CollectionQuery,
  after: Keyset | null = null,
): CollectionPageParts {
  const { business_date } = query;
  if (business_date !== undefined && (query.from !== undefined || query.to !== undefined)) {
    const detail = "is a day by itself: send it, or from and to";
    throw new Problem("validation", { errors: [{ pointer: "/business_date", detail }] });
  }
  return {
    business_id: caller.business_id,
    ...ownOf(caller),
    agent_id: small(query.agent_id),
    unit_id: small(query.unit_id),
    savings_account_id: small(query.savings_account_id),
    from: query.from ?? business_date ?? null,
    to: query.to ?? business_date ?? null,
    method: query.method ?? null,
    status: query.status ?? null,
    ...pageParameters(query.limit, after),
  };
}

export async function readCollectionPage(
  { report }: Pick<Deps["db"], "report">,
  parts: CollectionPageParts,
  context: QueryContext,
): Promise<Page> {
  const [row] = await report.query(listStatement, parts, context);
  return row ?? { ...emptyPage, totals: "[]" };
}

/** Columns of an export, in order; members of a collection. */
export const collectionColumns = [
  "id",
  "receipt_no",
  "business_date",
  "collected_at",
  "savings_account_id",
  "tracking_number",
  "agent_id",
  "unit_id",
  "amount",
  "currency",
  "markings",
  "method",
  "status",
  "client_ref",
  "remittance_id",
  "confirmed_at",
  "reversed_at",
  "reversal_reason",
] as const;

type CollectionRow = Readonly<Record<(typeof collectionColumns)[number], string | number | null>>;

/** Every collection that the query finds, as records under `collectionColumns`, in constant memory. */
export async function* collectionRecords(
  deps: Deps,
  caller: Caller,
  query: CollectionQuery,
): AsyncGenerator<(string | number | null)[], void, undefined> {
  const rows = eachRow<CollectionRow>((after, limit) =>
    readCollectionPage(deps.db, collectionPage(caller, { ...query, limit }, after), caller),
  );
  for await (const row of rows) yield collectionColumns.map((column) => row[column]);
}

const moves = JSON.stringify(collectionMoves);

/**
 * Undoes a collection: its slots are free again. Refuses an agent after the day or after the remittance was handed over
 * (`remittance_closed`), while the account is paid out (`payment_request_exists`), one that is undone already
 * (`illegal_transition`), and where the cash was spent (`insufficient_funds`).
 */
export async function reverseCollection(
  deps: Deps,
  caller: Caller,
  collection_id: string,
  reason: string,
): Promise<Written | null> {
  const { business_id, role } = caller;
  const [found] = await deps.db.fast.query(findReversed, { business_id, collection_id }, caller);
  if (found === undefined) throw new Problem("not_found");
  const { savings_account_id, cash_id, receivable_id } = found;
  const parameters = {
    own_agent_id: ownOf(caller).own_agent_id,
    role,
    collection_id,
    version: caller.if_match,
    moves,
    reason,
    reversal_id: deps.id(),
  };
  const tags = markingTags(business_id, [savings_account_id], [cash_id, receivable_id]);
  return act(deps, caller, reverseStatement, parameters, tags);
}
