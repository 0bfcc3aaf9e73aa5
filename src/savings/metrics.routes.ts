import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { BusinessDate, Instant, Nullable, OneOf, strict, Uuid } from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import { paymentRequestStatuses, savingsAccountStatuses } from "../platform/enums.ts";
import { metricsCache } from "./metrics.cache.ts";
import { figuresOf } from "./metrics.ts";

const count = t.Integer();
const amount = t.Integer({ description: "Minor units" });
const currency = t.String({ description: "ISO 4217; all amounts are in it" });
const account = { savings_account_id: Uuid, tracking_number: t.String() };
const status = OneOf(savingsAccountStatuses);

const Metrics = t.Object(
  {
    as_of: Instant,
    today: BusinessDate,
    scope: OneOf(["business", "agent", "unit"]),
    currency,
    collections: t.Object({
      today: amount,
      markings_today: count,
      mtd: t.Integer({ description: "Since the month began, in minor units" }),
      cash_today: amount,
      expected_today: t.Integer({
        description: "A marking of every active account that has one due today, paid or not, in minor units",
      }),
      agents_out: t.Integer({ description: "Agents who have collected today" }),
      rate_pct: Nullable(
        t.Number({ description: "Collected today of what is expected; above 100 where more came" }),
      ),
    }),
    accounts: t.Object({
      active: count,
      completed: count,
      closed_early: count,
      paid_out: count,
      cancelled: count,
      total: count,
      owed: t.Integer({ description: "Collected on accounts that are not paid out, in minor units" }),
    }),
    payment_requests: t.Object({
      pending: count,
      pending_amount: amount,
      pending_over_24h: count,
      in_flight_amount: t.Integer({ description: "Approved, being paid or failed, in minor units" }),
    }),
    commission_mtd: amount,
    expenses_mtd: t.Integer({ description: "Approved, by the day on which they were spent, in minor units" }),
    remittances: t.Object(
      {
        open: count,
        unremitted: t.Integer({ description: "What agents have to hand over, in minor units" }),
        variance: t.Integer({ description: "Of those that are disputed, in minor units" }),
      },
      { description: "Not confirmed; of a unit, those of its members" },
    ),
    top_agents: t.Array(t.Object({ agent_id: Uuid, name: t.String(), amount, markings: count }), {
      description: "Those who collected most today, ten at most",
    }),
    savings_accounts: t.Array(
      t.Object({ ...account, customer_id: Uuid, customer_name: t.String(), status, collected: amount }),
      { description: "Those that could be paid now: closed, and nobody has asked; the 20 newest" },
    ),
  },
  { title: "SavingsMetrics" },
);

const CustomerMetrics = t.Object(
  {
    as_of: Instant,
    today: BusinessDate,
    scope: OneOf(["customer"]),
    currency,
    saved: t.Integer({ description: "Collected on accounts that are not paid out, in minor units" }),
    paid_out: amount,
    savings_accounts: t.Array(
      t.Object({
        ...account,
        status,
        collected: amount,
        markings_paid: count,
        markings_total: count,
        ends_on: BusinessDate,
        commission: amount,
        fees: amount,
        payable: t.Integer({ description: "What a request pays, or the one that there is, in minor units" }),
        can_request: t.Boolean(),
        payment_request: Nullable(t.Object({ id: Uuid, status: OneOf(paymentRequestStatuses) })),
      }),
      { description: "Newest first" },
    ),
  },
  { title: "SavingsCustomerMetrics" },
);

/** What is going on in savings: of a business, an agent, a unit, or a customer. */
export const metricsRoutes = (deps: Deps) => {
  const cached = metricsCache(deps);
  const todayIn = createToday(deps.clock);
  return new Elysia({ name: "savings.metrics", prefix: "/api/v1", normalize: false }).use(edge).get(
    "/savings/metrics",
    async ({ caller, scope, query }) => {
      const { business_id, timezone } = caller;
      const calendar = { business_id, timezone, today: todayIn(timezone) };
      const figures = figuresOf(caller, query);
      return figures.of === "business"
        ? answered(scope, cached.business, { ...calendar, ...figures.scope }, cachedBytes)
        : answered(scope, cached.customer, { ...calendar, ...figures.scope }, cachedBytes);
    },
    {
      query: strict({
        unit_id: t.Optional(Uuid),
        agent_id: t.Optional(t.String({ format: "uuid", description: "With their sub-agents" })),
        customer_id: t.Optional(Uuid),
      }),
      response: { 200: t.Union([Metrics, CustomerMetrics]) },
      detail: operation({
        id: "getSavingsMetrics",
        cache: "savings.metrics.business",
        permission: "savings.read",
        tag: "Savings: figures",
        summary: "What is going on in savings",
        description:
          "Of the business; with `agent_id` of an agent and their sub-agents, with `unit_id` of a unit; with `customer_id` " +
          "what the customer has saved and what each account would pay. An agent sees their own and their sub-agents', a " +
          "customer their own, and neither need say so. Days and months are those of the business's time zone.",
        errors: ["not_found"],
      }),
    },
  );
};
