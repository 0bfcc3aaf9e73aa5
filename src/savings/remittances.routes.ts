import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import {
  BusinessDate,
  IdParams,
  Instant,
  listParameters,
  ListOf,
  Nullable,
  OneOf,
  strict,
  Text,
  Uuid,
  Version,
} from "../http/schema.ts";
import { remittanceStatuses } from "../platform/enums.ts";
import { describeMoves } from "../core/moves.ts";
import { ownOf } from "./own.ts";
import { type RemittanceAction, remittanceMoves } from "./remittance-moves.ts";
import { remittanceCache } from "./remittances.cache.ts";
import { decideRemittance, remittanceColumns, remittancePage, remittanceRecords } from "./remittances.ts";

const tag = "Savings: cash";
const Sum = (description: string) =>
  t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: `${description}, minor units` });

const Remittance = t.Object({
  id: Uuid,
  agent_id: Uuid,
  business_date: BusinessDate,
  no: t.Integer({ description: "Counts those of an agent and a day, from 1" }),
  status: OneOf(remittanceStatuses),
  expected: t.Integer({
    description:
      "Cash that was collected, less expenses that were paid from it; settled when it is confirmed",
  }),
  declared: Nullable(t.Integer({ description: "What the agent says to hand over" })),
  counted: Nullable(t.Integer({ description: "What was counted" })),
  variance: Nullable(t.Integer({ description: "Counted less expected: below 0 some is missing" })),
  currency: t.String({ description: "Of the business", examples: ["NGN"] }),
  note: Nullable(t.String({ description: "Why it was disputed" })),
  submitted_at: Nullable(Instant),
  confirmed_by: Nullable(Uuid),
  confirmed_at: Nullable(Instant),
  ledger_transaction_id: Nullable(Uuid),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const Filters = strict({
  ...listParameters,
  agent_id: t.Optional(Uuid),
  status: t.Optional(
    t.Array(OneOf(remittanceStatuses), { maxItems: 4, description: "Any of these, comma-separated" }),
  ),
  from: t.Optional({ ...BusinessDate, description: "Of this business date or later" }),
  to: t.Optional({ ...BusinessDate, description: "Of this business date or earlier" }),
  sort: t.Optional(OneOf(["-business_date", "business_date"])),
});

const move = (
  action: RemittanceAction,
  words: Readonly<{
    permission: "remittances.submit" | "remittances.decide";
    summary: string;
    description: string;
    request: unknown;
  }>,
) =>
  operation({
    id: `${action}Remittance`,
    permission: words.permission,
    tag,
    idempotency: "optional",
    if_match: "required",
    summary: words.summary,
    description: `${describeMoves(remittanceMoves, action, "its agent")}. ${words.description}`,
    errors: [
      "not_found",
      "illegal_transition",
      ...(action === "submit" ? [] : (["maker_checker"] as const)),
      ...(action === "confirm" ? (["insufficient_funds"] as const) : []),
    ],
    examples: { request: words.request },
  });

const documented = {
  list: operation({
    id: "listRemittances",
    cache: "savings.remittances.page",
    permission: "remittances.read",
    tag,
    limit: "search",
    produces: ["application/json", "text/csv"],
    summary: "List remittances",
    description:
      "The latest day first unless `sort` says otherwise. An agent sees their own and their sub-agents', a sub-agent their own. " +
      "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
    errors: ["invalid_cursor"],
  }),
  get: operation({
    id: "getRemittance",
    cache: "savings.remittance",
    permission: "remittances.read",
    tag,
    summary: "One remittance",
    description: "The `ETag` holds the version: send it as `If-Match` with a move.",
    errors: ["not_found"],
  }),
  submit: move("submit", {
    permission: "remittances.submit",
    summary: "Hand cash over",
    description:
      "Visits that come later, of its day too, belong to another remittance. One of which nothing is expected closes its day.",
    request: { declared: 1_550_000 },
  }),
  confirm: move("confirm", {
    permission: "remittances.decide",
    summary: "Confirm what was counted",
    description:
      "The cash that was expected leaves the agent, and what was counted comes to the vault; what is missing the agent owes, " +
      "what is too much they are owed. From then on they may hold so much more again. A disputed one may be counted anew.",
    request: { counted: 1_550_000 },
  }),
  dispute: move("dispute", {
    permission: "remittances.decide",
    summary: "Dispute what was handed over",
    description: "Nothing is booked. The agent is told the note.",
    request: { counted: 1_500_000, note: "One bundle is short" },
  }),
};

/** Remittances: the cash that agents hand over, counted by somebody else. */
export const remittanceRoutes = (deps: Deps) => {
  const cached = remittanceCache(deps);
  const settings = { params: IdParams, response: { 200: Remittance } };
  return new Elysia({ name: "savings.remittances", prefix: "/api/v1/remittances", normalize: false })
    .use(edge)
    .get(
      "",
      ({ caller, scope, query }) => {
        if (!wantsCsv(scope.request.headers.get("accept")))
          return cached.page.answer(scope, query.cursor, remittancePage(caller, query));
        const rows = remittanceRecords(deps, caller, query);
        return csvResponse(remittanceColumns, rows, { filename: "remittances.csv", signal: scope.signal });
      },
      { query: Filters, response: { 200: ListOf(Remittance) }, detail: documented.list },
    )
    .get(
      "/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const parts = { business_id, ...ownOf(caller), remittance_id: params.id.toLowerCase() };
        return answered(scope, cached.remittance, parts, cachedBytes);
      },
      { ...settings, detail: documented.get },
    )
    .post(
      "/:id/submit",
      async ({ caller, params: { id }, body }) =>
        written(await decideRemittance(deps, caller, { id, action: "submit", given: body })),
      {
        ...settings,
        body: strict({ declared: Sum("What is handed over") }),
        detail: documented.submit,
      },
    )
    .post(
      "/:id/confirm",
      async ({ caller, params: { id }, body }) =>
        written(await decideRemittance(deps, caller, { id, action: "confirm", given: body })),
      { ...settings, body: strict({ counted: Sum("What was counted") }), detail: documented.confirm },
    )
    .post(
      "/:id/dispute",
      async ({ caller, params: { id }, body }) =>
        written(await decideRemittance(deps, caller, { id, action: "dispute", given: body })),
      {
        ...settings,
        body: strict({
          counted: Sum("What was counted"),
          note: Text(500, "What is wrong; the agent reads it"),
        }),
        detail: documented.dispute,
      },
    );
};
