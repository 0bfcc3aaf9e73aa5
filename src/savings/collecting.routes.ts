import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { resource, written } from "../http/respond.ts";
import { BusinessDate, IdParams, Nullable, strict, Uuid } from "../http/schema.ts";
import { batchVisitsMax, collect, collectMany, readSheet } from "./collecting.ts";
import {
  Collection,
  collectionExample,
  TrackingNumber,
  visit,
  visitExample,
} from "./collections.shapes.routes.ts";

const tag = "Savings: collections";

const Batch = strict({
  atomic: t.Boolean({ description: "All or nothing; otherwise each visit by itself" }),
  items: t.Array(
    strict({
      savings_account_id: t.Optional(Uuid),
      tracking_number: t.Optional(TrackingNumber),
      ...visit,
    }),
    { minItems: 1, maxItems: batchVisitsMax },
  ),
});

const BatchAnswer = t.Object({
  results: t.Array(
    t.Object({
      client_ref: Uuid,
      status: t.Integer({
        description: "What the visit would have been answered alone: 201, 200, 404 or 422",
      }),
      collection: t.Optional(Collection),
      problem: t.Optional(t.Object({}, { additionalProperties: true, description: "RFC 9457" })),
    }),
    { description: "In the order of the items" },
  ),
});

const Sheet = t.Array(
  t.Object({
    savings_account_id: Uuid,
    tracking_number: TrackingNumber,
    customer: t.String(),
    phone: Nullable(t.String()),
    marking_amount: t.Integer({ description: "Minor units" }),
    currency: t.String(),
    markings_paid: t.Integer(),
    markings_total: t.Integer(),
    next_position: t.Integer({ description: "The slot that the next marking fills" }),
    elapsed: t.Integer({ description: "Slots that are due on the day, the day's own included" }),
    behind: t.Integer({ description: "How many of them are not paid" }),
    marked_today: t.Boolean({ description: "Whether something was collected on the day" }),
    ends_on: BusinessDate,
  }),
);

const markOperation = operation({
  id: "createMarkings",
  permission: "savings.mark",
  tag,
  idempotency: "required",
  success: 201,
  summary: "Collect for a savings account",
  description:
    "One visit, one receipt: `count` markings of the account's amount, or `amounts` where it is flexible. They fill the " +
    "lowest free slots. Cash is confirmed at once; anything else is recorded with a `checkout_url`, and fills slots when " +
    "its provider says that it was paid. Customers pay into their own accounts, not in cash. `collected_at` lies as far " +
    "back as the account allows, and not ahead. The same `client_ref` and content again is answered 200, with the " +
    "collection that there is.",
  errors: ["not_found", "account_full", "account_not_open", "balance_ceiling", "idempotency_mismatch"],
  examples: { request: visitExample, response: collectionExample },
});

const batchOperation = operation({
  id: "createCollectionBatch",
  permission: "collections.batch",
  tag,
  idempotency: "required",
  summary: "Collect for many accounts in one request",
  description:
    `At most ${batchVisitsMax} visits, such as a phone gathered while it was offline, judged in their order, each on what ` +
    "those before it left. Each names its account by `savings_account_id` or `tracking_number`. With `atomic` one refusal " +
    "refuses all (`batch_refused`, whose `errors` name each refused visit); without, the answer says of each what became " +
    "of it. What was booked before, by its `client_ref`, is booked once, so a batch may be sent again.",
  errors: ["batch_refused"],
  examples: {
    request: {
      atomic: false,
      items: [{ savings_account_id: collectionExample.savings_account_id, ...visitExample }],
    },
    response: {
      results: [{ client_ref: visitExample.client_ref, status: 201, collection: collectionExample }],
    },
  },
});

const sheetOperation = operation({
  id: "getCollectionSheet",
  cache: { uncached: "a phone fetches it once a day, and needs it as it is" },
  permission: "savings.sheet",
  tag,
  summary: "The round of a day",
  description:
    "Active accounts, by the name of the customer, for a phone to keep. Agents get their own round, or that of the " +
    "sub-agent they name; staff all accounts, or the round of the agent they name.",
});

/** Visits, as they are told, and the round that they are made on. */
export const collectingRoutes = (deps: Deps) =>
  new Elysia({ name: "savings.collecting", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/savings/:id/markings",
      async ({ caller, params, body }) => written(await collect(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: strict(visit),
        response: { 200: Collection, 201: Collection },
        detail: markOperation,
      },
    )
    .post(
      "/collections/batch",
      async ({ caller, scope, body }) => written(await collectMany(deps, caller, body, scope.path)),
      { body: Batch, response: { 200: BatchAnswer }, detail: batchOperation },
    )
    .get(
      "/savings/collection-sheet",
      async ({ caller, query }) => resource(await readSheet(deps, caller, query)),
      {
        query: strict({ date: BusinessDate, agent_id: t.Optional(Uuid) }),
        response: { 200: Sheet },
        detail: sheetOperation,
      },
    );
