import { Elysia, t } from "elysia";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { BusinessDate, Instant, listParameters, ListOf, Nullable, strict, Uuid } from "../http/schema.ts";
import { commissionCache } from "./commissions.cache.ts";
import { commissionColumns, commissionPage, commissionRecords, settleCommissions } from "./commissions.ts";

const tag = "Savings: payments";
const Minor = t.Integer({ description: "Minor units" });
const SettlementId = Nullable({ ...Uuid, description: "Ledger transaction that paid the part out" });

const Commission = t.Object({
  id: Uuid,
  savings_account_id: Uuid,
  payment_request_id: Uuid,
  agent_id: Uuid,
  parent_agent_id: Nullable(Uuid),
  amount: t.Integer({ description: "All of it, minor units: the three parts together" }),
  agent_amount: Minor,
  parent_amount: Minor,
  house_amount: Minor,
  currency: t.String(),
  earned_on: BusinessDate,
  ledger_transaction_id: Uuid,
  agent_settlement_id: SettlementId,
  parent_settlement_id: SettlementId,
  created_at: Instant,
});

const CommissionSettlement = t.Object({
  id: { ...Uuid, description: "Of the ledger transaction" },
  agent_id: Uuid,
  until: BusinessDate,
  amount: Minor,
  currency: t.String(),
  commissions: t.Integer({ description: "How many were paid out" }),
  settled_at: Instant,
});

const documented = {
  list: operation({
    id: "listCommissions",
    cache: "savings.commissions.page",
    permission: "commissions.read",
    tag,
    limit: "search",
    produces: ["application/json", "text/csv"],
    summary: "List commissions",
    description:
      "Newest first, one for each account that was paid. An agent sees what they and their sub-agents earned. `agent_id`: " +
      "earned by this agent, or by one of their sub-agents with a part for them. " +
      "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
    errors: ["invalid_cursor"],
  }),
  settle: operation({
    id: "settleCommissions",
    permission: "commissions.settle",
    tag,
    idempotency: "required",
    success: 201,
    summary: "Pay an agent their commission",
    description:
      "From the vault: all parts earned until that day that were not paid out yet, those of their sub-agents' accounts " +
      "included. Nobody pays themselves.",
    errors: ["reference_not_found", "maker_checker", "nothing_to_pay", "account_not_open"],
    examples: { request: { agent_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05", until: "2026-11-30" } },
  }),
};

/** What agents earn, and how it is paid out. */
export const commissionRoutes = (deps: Deps) => {
  const cached = commissionCache(deps);
  return new Elysia({ name: "savings.commissions", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/commissions",
      ({ caller, scope, query }) => {
        if (!wantsCsv(scope.request.headers.get("accept")))
          return cached.page.answer(scope, query.cursor, commissionPage(caller, query));
        const rows = commissionRecords(deps, caller, query);
        return csvResponse(commissionColumns, rows, { filename: "commissions.csv", signal: scope.signal });
      },
      {
        query: strict({
          ...listParameters,
          agent_id: t.Optional(Uuid),
          from: t.Optional(BusinessDate),
          to: t.Optional(BusinessDate),
        }),
        response: { 200: ListOf(Commission) },
        detail: documented.list,
      },
    )
    .post(
      "/commissions/settle",
      async ({ caller, body }) => written(await settleCommissions(deps, caller, body)),
      {
        body: strict({ agent_id: Uuid, until: BusinessDate }),
        response: { 201: CommissionSettlement },
        detail: documented.settle,
      },
    );
};
