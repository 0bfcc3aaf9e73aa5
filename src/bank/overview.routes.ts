import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { BusinessDate, Instant, Nullable, OneOf, strict, Uuid } from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import {
  accountTypes,
  bankAccountStatuses,
  kycStatuses,
  transferKinds,
  transferStatuses,
  wireStatuses,
} from "../platform/enums.ts";
import { customerOf } from "./customer-of.ts";
import { overviewCache } from "./overview.cache.ts";
import { ownUserOf } from "./own.ts";

const count = t.Integer();
const amount = t.Integer({ description: "Minor units" });
const currency = t.String();

const BusinessOverview = t.Object(
  {
    as_of: Instant,
    wire_transfers: t.Array(
      t.Object({ status: OneOf(wireStatuses), currency, count, amount, oldest: Instant }),
      { description: "Wires that wait for somebody" },
    ),
    kyc: t.Array(t.Object({ status: OneOf(kycStatuses), count, oldest: Instant }), {
      description: "Customers who wait for compliance; `approved` ones have sent something new",
    }),
    volume_24h: t.Array(
      t.Object({ kind: OneOf(transferKinds), status: OneOf(transferStatuses), currency, count, amount }),
      { description: "Transfers made in the running hour and the 23 before it" },
    ),
  },
  { title: "BusinessOverview" },
);

const CustomerOverview = t.Object(
  {
    as_of: Instant,
    accounts: t.Array(
      t.Object({
        id: Uuid,
        account_number: t.String(),
        type: OneOf(accountTypes),
        currency,
        status: OneOf(bankAccountStatuses),
        daily_limit: amount,
        posted: amount,
        available: amount,
        used_today: amount,
      }),
      { description: "All that are not closed" },
    ),
    month: t.Array(t.Object({ currency, in_mtd: amount, out_mtd: amount }), {
      description:
        "Posted transfers since the month began in the business's calendar, fees not counted, by currency of the accounts",
    }),
    open_wire_transfers: t.Object({ count, amount }),
    kyc: t.Object({ status: OneOf(kycStatuses), level: t.Integer(), expires_on: Nullable(BusinessDate) }),
  },
  { title: "CustomerOverview" },
);

/** What is going on in the bank: of a business, or of one customer. */
export const overviewRoutes = (deps: Deps) => {
  const cached = overviewCache(deps);
  const todayIn = createToday(deps.clock);
  return new Elysia({ name: "bank.overview", prefix: "/api/v1", normalize: false }).use(edge).get(
    "/bank/overview",
    async ({ caller, scope, query }) => {
      const { business_id, timezone } = caller;
      const customer_id = await customerOf(deps, caller, query.customer_id);
      if (customer_id === null) return answered(scope, cached.business, { business_id }, cachedBytes);
      const of = { business_id, own_user_id: ownUserOf(caller), customer_id };
      return answered(scope, cached.customer, { ...of, timezone, today: todayIn(timezone) }, cachedBytes);
    },
    {
      query: strict({ customer_id: t.Optional(Uuid) }),
      response: { 200: t.Union([BusinessOverview, CustomerOverview]) },
      detail: operation({
        id: "getBankOverview",
        cache: "bank.overview.business",
        permission: "bank_overview.read",
        tag: "Bank: overview",
        summary: "What is going on in the bank",
        description:
          "Without `customer_id`, for those at work: the queues of wires and of KYC, and what was moved in 24 hours. With it, " +
          "and for a customer: accounts with their money, this month, wires under way, KYC. Who is one customer need not say " +
          "which.",
        errors: ["not_found"],
      }),
    },
  );
};
