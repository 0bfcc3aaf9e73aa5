import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { resource, written } from "../http/respond.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import { BusinessDate, IdParams, ListOf, strict } from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import {
  eachStatementLine,
  getHead,
  statementColumns,
  statementLinesMax,
  statementRecords,
  wholeStatement,
} from "./account-statements.ts";
import { accountCache } from "./accounts.cache.ts";
import {
  AccountFilters,
  AccountParams,
  AccountPatch,
  AccountStatement,
  Card,
  NewAccount,
  SavingsAccount,
} from "./accounts.shapes.routes.ts";
import { accountColumns, accountPage, accountRecords, openAccount, updateAccount } from "./accounts.ts";
import { ownOf } from "./own.ts";

const tag = "Savings: accounts";
const csv = "text/csv";
const id = "0191e7a0-0000-7000-8000-00000000abcd";

const documented = {
  list: operation({
    id: "listSavingsAccounts",
    cache: "savings.accounts.page",
    permission: "savings.read",
    tag,
    limit: "search",
    produces: ["application/json", csv],
    summary: "List or search savings accounts",
    description:
      "Newest first unless `sort` says otherwise. Agents see their own and their sub-agents', sub-agents and customers their " +
      "own. With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
    errors: ["invalid_cursor"],
  }),
  open: operation({
    id: "openSavingsAccount",
    permission: "savings.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Open a savings account",
    description:
      "With the terms that its product has now. Without `agent_id` it is the agent who asks, or who looked after the customer " +
      "last, else the manager of the unit, else the owner; customers always leave that to the server. Staff may register a card " +
      "that was begun up to 366 days ago, others as far back as a visit may lie (`backdate_days`).",
    errors: ["reference_not_found", "active_account_exists"],
    examples: {
      request: { customer_id: id, product_id: id, marking_amount: 50_000, starts_on: "2026-11-01" },
    },
  }),
  get: operation({
    id: "getSavingsAccount",
    cache: "savings.account",
    permission: "savings.read",
    tag,
    // Numbers are not to be tried out.
    limit: "search",
    summary: "One savings account",
    description:
      "By its id, or by the number on the customer's card. A wrong check digit, a number that nobody has, and one that is not " +
      "the caller's to see are one and the same answer. The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateSavingsAccount",
    permission: "savings.update",
    tag,
    if_match: "required",
    summary: "Give a savings account another agent or unit",
    description: "JSON Merge Patch (RFC 7396). The agent is any active member who may collect.",
    errors: ["not_found", "reference_not_found"],
    examples: { request: { unit_id: null } },
  }),
  markings: operation({
    id: "getSavingsMarkings",
    cache: "savings.markings",
    permission: "savings.read",
    tag,
    summary: "The card of a savings account",
    description: "Every slot with its day, and whether it was paid or missed.",
    errors: ["not_found"],
  }),
  statement: operation({
    id: "getSavingsStatement",
    cache: { uncached: "asked for once, and any number of lines" },
    permission: "savings.read",
    tag,
    limit: "search",
    produces: ["application/json", csv],
    summary: "A statement of a savings account",
    description:
      "What was paid in, taken back and paid out, by days of the business's calendar: by default from the first payment until " +
      `today. JSON has at most ${statementLinesMax} lines; CSV any number, between a line with the opening and one with the ` +
      "closing balance.",
    errors: ["not_found"],
  }),
};

const Period = strict({ from: t.Optional(BusinessDate), to: t.Optional(BusinessDate) });

/** Savings accounts, their cards and their statements. */
export const accountRoutes = (deps: Deps) => {
  const cached = accountCache(deps);
  const todayIn = createToday(deps.clock);
  const partsOf = (caller: Caller, account_id: string) => ({
    business_id: caller.business_id,
    account_id: account_id.toLowerCase(),
    ...ownOf(caller),
  });
  return new Elysia({ name: "savings.accounts", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/savings",
      async ({ caller, scope, query }) => {
        const today = todayIn(caller.timezone);
        const first = accountPage(caller, query, { today });
        if (!wantsCsv(scope.request.headers.get("accept"))) {
          return cached.page.answer(scope, query.cursor, first);
        }
        const rows = accountRecords(deps, caller, query, today);
        return csvResponse(accountColumns, rows, { filename: "savings.csv", signal: scope.signal });
      },
      { query: AccountFilters, response: { 200: ListOf(SavingsAccount) }, detail: documented.list },
    )
    .post("/savings", async ({ caller, body }) => written(await openAccount(deps, caller, body)), {
      body: NewAccount,
      response: { 201: SavingsAccount },
      detail: documented.open,
    })
    .get(
      "/savings/:id",
      ({ caller, scope, params }) => answered(scope, cached.account, partsOf(caller, params.id), cachedBytes),
      { params: AccountParams, response: { 200: SavingsAccount }, detail: documented.get },
    )
    .patch(
      "/savings/:id",
      async ({ caller, params, body }) => written(await updateAccount(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: AccountPatch,
        response: { 200: SavingsAccount },
        detail: documented.update,
      },
    )
    .get(
      "/savings/:id/markings",
      ({ caller, scope, params }) => {
        const { timezone } = caller;
        const parts = { ...partsOf(caller, params.id), timezone, today: todayIn(timezone) };
        return answered(scope, cached.markings, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: Card }, detail: documented.markings },
    )
    .get(
      "/savings/:id/statement",
      ({ caller, scope, params, query }) => statement(deps, { caller, scope, id: params.id, query }),
      {
        params: IdParams,
        query: Period,
        response: { 200: AccountStatement },
        detail: documented.statement,
      },
    );
};

async function statement(
  deps: Deps,
  asked: { caller: Caller; scope: RequestScope; id: string; query: { from?: string; to?: string } },
): Promise<Response> {
  const { caller, scope } = asked;
  const head = await getHead(deps, caller, asked.id.toLowerCase(), asked.query);
  if (!wantsCsv(scope.request.headers.get("accept"))) {
    const whole = resource({ body: JSON.stringify(await wholeStatement(deps, caller, head)) });
    whole.headers.set("cache-control", "no-store");
    return whole;
  }
  const records = statementRecords(head, eachStatementLine(deps, caller, head));
  const filename = `savings-${head.tracking_number}-${head.from_date}-${head.to_date}.csv`;
  return csvResponse(statementColumns, records, { filename, signal: scope.signal });
}
