import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { resource, written } from "../http/respond.ts";
import { IdParams, listParameters, ListOf, Nullable, OneOf, strict, Uuid } from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import { wireStatuses } from "../platform/enums.ts";
import { ownUserOf } from "./own.ts";
import { Amount, Currency, PurposeCode, Quote, Wire, WireListItem, WireStats } from "./wire-shapes.routes.ts";
import { wireCache } from "./wires.cache.ts";
import { createWire, getWireQuote, wirePage } from "./wires.ts";

const tag = "Bank: wires";
const id = "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05";

const WireFilters = strict({
  ...listParameters,
  status: t.Optional(
    t.Array(OneOf(wireStatuses), { maxItems: 9, description: "Any of these, comma-separated" }),
  ),
  customer_id: t.Optional(Uuid),
  sort: t.Optional(OneOf(["-created_at", "created_at"])),
});

const documented = {
  quote: operation({
    id: "getWireQuote",
    cache: { uncached: "what is true of money at this moment" },
    permission: "wires.quote",
    tag,
    summary: "What a wire would cost",
    description:
      "Fee: base, a part of the amount, and a part for foreign currencies, up to a cap (`bank.wire_fee`). A currency other " +
      "than the account's is bought at the rates of `bank.fx_rates`. The wire is priced again when it is made.",
    errors: ["not_found", "no_fx_rate"],
  }),
  list: operation({
    id: "listWires",
    cache: "bank.wires.page",
    permission: "wires.read",
    tag,
    summary: "List wires",
    description:
      "Newest first unless `sort` says otherwise; `status` names a queue. A customer sees their own.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createWire",
    permission: "wires.write",
    tag,
    idempotency: "required",
    success: 201,
    summary: "Make a wire",
    description:
      "Holds amount and fee until the wire is completed, cancelled or rejected. The customer needs KYC level 2; from " +
      "`bank.verification_threshold` on, a one-time code must have been verified in this session in the last five minutes. " +
      "The beneficiary's name is screened; that never refuses a wire.",
    errors: [
      "reference_not_found",
      "kyc_required",
      "step_up_required",
      "limit_exceeded",
      "insufficient_funds",
      "account_not_open",
      "no_fx_rate",
    ],
    examples: {
      request: {
        account_id: id,
        beneficiary_id: id,
        amount: 1_550_000,
        currency: "NGN",
        purpose_code: "SUPP",
      },
    },
  }),
  stats: operation({
    id: "getWireStats",
    cache: "bank.wires.stats",
    permission: "wires.quote",
    tag,
    summary: "Wires of this month, and what limits leave",
    description:
      "By status and currency of the account, wires made in the current month of the business's calendar; the limits of the " +
      "accounts of `customer_id`, or of the customer who asks.",
  }),
  get: operation({
    id: "getWire",
    cache: "bank.wire",
    permission: "wires.read",
    tag,
    summary: "One wire with its moves",
    description: "The `ETag` holds the version: send it as `If-Match` with a decision.",
    errors: ["not_found"],
  }),
};

/** Wires: money to other banks. What is decided about them is in wire-decisions.routes.ts. */
export const wireRoutes = (deps: Deps) => {
  const cached = wireCache(deps);
  const todayIn = createToday(deps.clock);
  return new Elysia({ name: "bank.wires", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/wire-transfers/quote",
      async ({ caller, query }) => {
        const response = resource(await getWireQuote(deps, caller, query));
        response.headers.set("cache-control", "no-store");
        return response;
      },
      {
        query: strict({ account_id: Uuid, amount: Amount, currency: Currency }),
        response: { 200: Quote },
        detail: documented.quote,
      },
    )
    .get(
      "/wire-transfers/stats",
      ({ caller, scope, query }) => {
        const { business_id, timezone } = caller;
        const customer_id = query.customer_id?.toLowerCase() ?? null;
        const today = todayIn(timezone);
        const parts = { business_id, own_user_id: ownUserOf(caller), customer_id, timezone, today };
        return answered(scope, cached.stats, parts, cachedBytes);
      },
      {
        query: strict({ customer_id: t.Optional(Uuid) }),
        response: { 200: WireStats },
        detail: documented.stats,
      },
    )
    .get(
      "/wire-transfers",
      async ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, wirePage(caller, query)),
      {
        query: WireFilters,
        response: { 200: ListOf(WireListItem) },
        detail: documented.list,
      },
    )
    .post("/wire-transfers", async ({ caller, body }) => written(await createWire(deps, caller, body)), {
      body: strict({
        account_id: Uuid,
        beneficiary_id: Uuid,
        amount: Amount,
        currency: Currency,
        purpose_code: t.Optional(Nullable(PurposeCode)),
      }),
      response: { 201: Wire },
      detail: documented.create,
    })
    .get(
      "/wire-transfers/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const own_user_id = ownUserOf(caller);
        const parts = { business_id, own_user_id, wire_transfer_id: params.id.toLowerCase() };
        return answered(scope, cached.wire, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: Wire }, detail: documented.get },
    );
};
