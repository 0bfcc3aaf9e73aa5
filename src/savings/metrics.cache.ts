import { customersTag, membersTag, unitsTag } from "../core/tags.ts";
import type { Deps } from "../http/deps.ts";
import { ownTags } from "./own.ts";
import { getCustomerMetrics, getMetrics } from "./statements.ts";
import {
  collectionsTag,
  commissionsTag,
  expensesTag,
  paymentRequestsTag,
  remittancesTag,
  savingsAccountsTag,
} from "./tags.ts";

const bounded = { class: "bounded", scope: "business" } as const;
// It says as of when, and requests become a day old by the clock.
const moves = true;
const ttl_ms = 30_000;

/** The zone decides what today and this month are; `today` tells their answers apart. */
type Calendar = { business_id: string; timezone: string; today: string };

/** Of the business (both null), of one agent with their sub-agents, or of a unit. */
export type MetricsScope = { agent_id: string | null; unit_id: string | null; own_agent_id: string | null };

/** Of one customer, or of all customers that a person is. */
export type CustomerScope = {
  customer_id: string | null;
  own_user_id: string | null;
  own_agent_id: string | null;
};

/** Figures of savings: each is one statement that returns one JSON text. */
export const metricsCache = ({ cache, db }: Pick<Deps, "cache" | "db">) => ({
  business: cache.endpoint<Calendar & MetricsScope>({
    ...bounded,
    name: "savings.metrics.business",
    moves,
    ttl_ms,
    tags: ({ business_id: b }) => [
      savingsAccountsTag(b),
      collectionsTag(b),
      remittancesTag(b),
      paymentRequestsTag(b),
      commissionsTag(b),
      expensesTag(b),
      customersTag(b),
      membersTag(b),
      unitsTag(b),
    ],
    load: async (parts, context) => (await db.report.query(getMetrics, parts, context))[0]?.body ?? null,
  }),
  customer: cache.endpoint<Calendar & CustomerScope>({
    ...bounded,
    name: "savings.metrics.customer",
    moves,
    ttl_ms,
    tags: (parts) => {
      const { business_id: b } = parts;
      const figures = [savingsAccountsTag(b), collectionsTag(b), paymentRequestsTag(b)];
      return [...figures, customersTag(b), ...ownTags({ ...parts, business_id: b })];
    },
    load: async (parts, context) =>
      (await db.report.query(getCustomerMetrics, parts, context))[0]?.body ?? null,
  }),
});
