import { Elysia, t } from "elysia";
import { answered, cachedResource } from "../http/cached.ts";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import {
  BusinessDate,
  IdParams,
  listParameters,
  Nullable,
  OneOf,
  strict,
  Text,
  Uuid,
} from "../http/schema.ts";
import { collectionMethods, collectionStatuses } from "../platform/enums.ts";
import { describeReversal } from "./collection-moves.ts";
import { collectionCache } from "./collections.cache.ts";
import { Collection, collectionExample, DayTotals } from "./collections.shapes.routes.ts";
import { collectionColumns, collectionPage, collectionRecords, reverseCollection } from "./collections.ts";
import { ownOf } from "./own.ts";

const tag = "Savings: collections";

const Filters = strict({
  ...listParameters,
  agent_id: t.Optional(Uuid),
  unit_id: t.Optional(Uuid),
  savings_account_id: t.Optional(Uuid),
  business_date: t.Optional(BusinessDate),
  from: t.Optional(BusinessDate),
  to: t.Optional(BusinessDate),
  method: t.Optional(OneOf(collectionMethods)),
  status: t.Optional(OneOf(collectionStatuses)),
});

const Collections = t.Object({
  data: t.Array(Collection),
  meta: t.Object({
    totals: t.Array(DayTotals, { description: "Of each day on the page, the whole day" }),
    next_cursor: Nullable(t.String({ description: "Pass as `cursor` to get the next page" })),
    has_more: t.Boolean(),
  }),
});

const listOperation = operation({
  id: "listCollections",
  cache: "savings.collections.page",
  permission: "collections.read",
  tag,
  limit: "search",
  produces: ["application/json", "text/csv"],
  summary: "List what was collected",
  description:
    "Newest business date first. Agents see their own and their sub-agents', customers those of their accounts. " +
    "`meta.totals` says what each day on the page came to under the same filters, confirmed collections only. " +
    "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
  errors: ["invalid_cursor"],
});

const getOperation = operation({
  id: "getCollection",
  cache: "savings.collection",
  permission: "collections.read",
  tag,
  summary: "One collection",
  description: "The receipt of a visit, with the slots that it fills.",
  errors: ["not_found"],
});

const reverseOperation = operation({
  id: "reverseCollection",
  permission: "collections.reverse",
  tag,
  idempotency: "required",
  if_match: "optional",
  summary: "Undo a collection",
  description:
    `${describeReversal()}. Its slots are free again, and the next collection fills them first. Cash that was handed ` +
    "over already is owed to the agent. Refused while the account is being paid out, or was.",
  errors: [
    "not_found",
    "illegal_transition",
    "remittance_closed",
    "payment_request_exists",
    "active_account_exists",
    "insufficient_funds",
    "account_not_open",
  ],
  examples: {
    request: { reason: "Ticked the wrong card" },
    response: {
      ...collectionExample,
      status: "reversed",
      reversed_by: collectionExample.agent_id,
      reversed_at: "2026-11-20T08:20:00.000Z",
      reversal_reason: "Ticked the wrong card",
      version: 2,
    },
  },
});

/** What was collected, and its undoing. */
export const collectionRoutes = (deps: Deps) => {
  const cached = collectionCache(deps);
  return new Elysia({ name: "savings.collections", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/collections",
      ({ caller, scope, query }) => {
        const first = collectionPage(caller, query);
        if (wantsCsv(scope.request.headers.get("accept"))) {
          const rows = collectionRecords(deps, caller, query);
          return csvResponse(collectionColumns, rows, { filename: "collections.csv", signal: scope.signal });
        }
        return cached.page.answer(scope, query.cursor, first);
      },
      { query: Filters, response: { 200: Collections }, detail: listOperation },
    )
    .get(
      "/collections/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const parts = { business_id, ...ownOf(caller), collection_id: params.id.toLowerCase() };
        return answered(scope, cached.collection, parts, cachedResource);
      },
      { params: IdParams, response: { 200: Collection }, detail: getOperation },
    )
    .post(
      "/collections/:id/reverse",
      async ({ caller, params, body }) =>
        written(await reverseCollection(deps, caller, params.id, body.reason)),
      {
        params: IdParams,
        body: strict({ reason: Text(500, "Why it is undone") }),
        response: { 200: Collection },
        detail: reverseOperation,
      },
    );
};
