import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { resource, written } from "../http/respond.ts";
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
import { commissionRules, productKinds } from "../platform/enums.ts";
import { productCache } from "./products.cache.ts";
import { createProduct, defaultTerms, productPage, quotePlan, updateProduct } from "./products.ts";

const tag = "Savings: products";

const Currency = t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217", examples: ["NGN"] });
const Minor = (description: string, minimum = 0) =>
  t.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, description: `${description}; minor units` });
const Part = (description: string) =>
  t.Integer({ minimum: 0, maximum: 10_000, description: `${description}; basis points` });
const Count = (minimum: number, maximum: number, description: string) =>
  t.Integer({ minimum, maximum, description });

export const MarkingAmount = Minor("Of one marking", 1);
export const Cycles = Count(1, 60, "How many cycles");

/** Terms that an account takes with it when it is opened. */
export const frozenTerms = {
  cycle_markings: Count(1, 366, "Slots of a cycle; of a calendar month as many as it has days"),
  calendar_month: t.Boolean({ description: "A cycle is a month from the first day on" }),
  flexible_amount: t.Boolean({ description: "Each marking may have an amount of its own" }),
  min_marking_amount: Minor("Least amount of a marking", 1),
  max_marking_amount: Nullable(Minor("Largest amount of a marking; null for none", 1)),
  commission_rule: OneOf(commissionRules, {
    description:
      "What is kept of each cycle that the paid markings reach into: one marking, their average, a part of all that was " +
      "collected, or a flat amount",
  }),
  commission_bps: Part("Of `percent`"),
  commission_flat: Minor("Of `flat_per_cycle`"),
  commission_cap: Nullable(Minor("Largest commission of a cycle; null for none")),
  agent_share_bps: Part("What the agents have of the commission; the rest is the house's"),
  parent_share_bps: Part("What the agent above has of a sub-agent's share"),
  early_fee_bps: Part("Kept besides when it is paid out before `early_fee_months`"),
  early_fee_months: Count(0, 120, "Months from the first day"),
  min_markings_before_payment: Count(1, 366, "So many markings before it can be paid out"),
  backdate_days: Count(0, 366, "How many days back a visit may lie"),
  auto_renew: t.Boolean({ description: "A full plan grows by one cycle" }),
};
const terms = {
  kind: OneOf(productKinds, { description: "`weekly`: a slot every seven days; else every day" }),
  ...frozenTerms,
  is_active: t.Boolean({ description: "Whether accounts of it can be opened" }),
};
const optionalTerms = t.Partial(t.Object(terms)).properties;
const Name = Text(100, "Unique in the business");

const NewProduct = strict({ name: Name, currency: t.Optional(Currency), ...optionalTerms });
const ProductPatch = t.Object(
  { name: t.Optional(Name), ...optionalTerms },
  { additionalProperties: false, minProperties: 1 },
);
const Product = t.Object({
  id: Uuid,
  name: t.String(),
  currency: Currency,
  period_days: t.Integer({ description: "Days from slot to slot" }),
  ...terms,
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const Quote = t.Object({
  product_id: Uuid,
  currency: Currency,
  marking_amount: t.Integer({ description: "Of one marking" }),
  cycles: t.Integer(),
  markings_total: t.Integer({ description: "Slots" }),
  starts_on: BusinessDate,
  ends_on: BusinessDate,
  gross: t.Integer({ description: "What is collected" }),
  commission: t.Integer(),
  fees: t.Integer({ description: "For what ends before `early_fee_months`" }),
  net: t.Integer({ description: "What is paid out" }),
});

const documented = {
  list: operation({
    id: "listSavingsProducts",
    cache: "savings.products.page",
    permission: "savings_products.read",
    tag,
    summary: "List savings products",
    description: "By name.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createSavingsProduct",
    permission: "savings_products.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Make a savings product",
    description: `In the business's currency. What is not said: \`${JSON.stringify(defaultTerms)}\`.`,
    errors: ["already_exists"],
    examples: { request: { name: "Daily 31", min_marking_amount: 10_000, auto_renew: true } },
  }),
  get: operation({
    id: "getSavingsProduct",
    cache: "savings.product",
    permission: "savings_products.read",
    tag,
    summary: "One savings product",
    description: "The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateSavingsProduct",
    permission: "savings_products.write",
    tag,
    if_match: "required",
    summary: "Change a savings product",
    description:
      "JSON Merge Patch (RFC 7396). Accounts keep the terms that they were opened with: a change is for those opened later.",
    errors: ["not_found", "already_exists"],
    examples: { request: { is_active: false } },
  }),
  quote: operation({
    id: "quoteSavingsPlan",
    cache: { uncached: "arithmetic on one row, for a plan that nobody else asks for" },
    permission: "savings_products.read",
    tag,
    summary: "What a plan comes to",
    description:
      "When it is kept to its end. `target_amount` finds the least marking amount that pays out so much; without it and " +
      "`marking_amount` it is the least that the product takes. One cycle from today unless said otherwise. Minor units.",
    errors: ["not_found"],
  }),
};

/** Savings products. */
export const productRoutes = (deps: Deps) => {
  const cached = productCache(deps);
  return new Elysia({ name: "savings.products", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/savings-products",
      ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, productPage(caller, query)),
      {
        query: strict({
          ...listParameters,
          is_active: t.Optional(t.Boolean()),
          kind: t.Optional(OneOf(productKinds)),
        }),
        response: { 200: ListOf(Product) },
        detail: documented.list,
      },
    )
    .post("/savings-products", async ({ caller, body }) => written(await createProduct(deps, caller, body)), {
      body: NewProduct,
      response: { 201: Product },
      detail: documented.create,
    })
    .get(
      "/savings-products/:id",
      ({ caller: { business_id }, scope, params }) => {
        const parts = { business_id, product_id: params.id.toLowerCase() };
        return answered(scope, cached.product, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: Product }, detail: documented.get },
    )
    .patch(
      "/savings-products/:id",
      async ({ caller, params, body }) => written(await updateProduct(deps, caller, params.id, body)),
      { params: IdParams, body: ProductPatch, response: { 200: Product }, detail: documented.update },
    )
    .get(
      "/savings-products/:id/quote",
      async ({ caller, params, query }) =>
        resource({ body: await quotePlan(deps, caller, params.id, query) }),
      {
        params: IdParams,
        query: strict({
          target_amount: t.Optional(Minor("What should be paid out, at least", 1)),
          marking_amount: t.Optional(MarkingAmount),
          cycles: t.Optional(Cycles),
          starts_on: t.Optional(BusinessDate),
        }),
        response: { 200: Quote },
        detail: documented.quote,
      },
    );
};
