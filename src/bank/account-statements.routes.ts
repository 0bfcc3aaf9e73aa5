import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import { attachment } from "../http/content-disposition.ts";
import { csvResponse } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { entityTag } from "../http/etag.ts";
import { accepts, prefers } from "../http/negotiation.ts";
import { operation } from "../http/operation.ts";
import { Problem } from "../http/problem.ts";
import { written } from "../http/respond.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import {
  BusinessDate,
  IdParams,
  Instant,
  listParameters,
  ListOf,
  strict,
  Uuid,
  Version,
} from "../http/schema.ts";
import { statementCache } from "./account-statements.cache.ts";
import {
  createStatement,
  eachStatementRow,
  getHead,
  statementColumns,
  statementPage,
  statementRecords,
} from "./account-statements.ts";
import { ownUserOf } from "./own.ts";
import { createStatementPrinter, pdfEntriesMax, type StatementPrinter } from "./statement-pdf.ts";

const pdf = "application/pdf";
const csv = "text/csv";

const AccountStatement = t.Object({
  id: Uuid,
  account_id: Uuid,
  account_number: t.String(),
  currency: t.String(),
  from: BusinessDate,
  to: BusinessDate,
  timezone: t.String({ description: "Whose days these are: that of the business when it was made" }),
  opening: t.Integer({ description: "Posted when the period began, minor units" }),
  closing: t.Integer({ description: "Posted when it ended, minor units" }),
  entries: t.Integer({ description: "Rows" }),
  sha256: t.String({ description: "Of its rows, see the download" }),
  version: Version,
  created_at: Instant,
});

const NewStatement = strict({ account_id: Uuid, from: BusinessDate, to: BusinessDate });

const StatementFilters = strict({
  ...listParameters,
  account_id: t.Optional(Uuid),
  from: t.Optional(BusinessDate),
  to: t.Optional(BusinessDate),
});

const tag = "Bank: statements";

const documented = {
  list: operation({
    id: "listStatements",
    cache: "bank.statements.page",
    permission: "statements.read",
    tag,
    summary: "List statements of account",
    description: "The newest first. `from` and `to` find those whose period lies between these days.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createStatement",
    permission: "statements.write",
    tag,
    limit: "search",
    idempotency: "optional",
    success: 201,
    summary: "Make a statement of account",
    description:
      "For days of the business's calendar that are over, a year at most. Opening and closing are what the ledger had as of " +
      "the period. It never changes: what is posted later for its days is not in it.",
    errors: ["reference_not_found", "already_exists"],
    examples: {
      request: { account_id: "0191e7a0-0000-7000-8000-00000000abcd", from: "2026-01-01", to: "2026-01-31" },
    },
  }),
  get: operation({
    id: "getStatement",
    cache: "bank.statement",
    permission: "statements.read",
    tag,
    summary: "One statement of account",
    description: "Without its rows.",
    errors: ["not_found"],
  }),
  download: operation({
    id: "downloadStatement",
    cache: { uncached: "streamed, and asked for once" },
    permission: "statements.read",
    tag,
    limit: "search",
    produces: [pdf, csv],
    summary: "A statement as PDF or CSV",
    description:
      `As CSV any number of rows comes as a stream. A PDF has at most ${pdfEntriesMax} rows: above that, who takes nothing ` +
      "else is answered 406, and who takes anything gets CSV. `sha256` is that of the rows in their order: each as a JSON " +
      "object of the columns before `balance`, in their order and without white space, and a line feed after each.",
    errors: ["not_found"],
  }),
};

/** Statements of account. */
export const accountStatementRoutes = (deps: Deps) => {
  const cached = statementCache(deps);
  const print = createStatementPrinter();
  return new Elysia({ name: "bank.statements", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/statements",
      ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, statementPage(caller, query)),
      {
        query: StatementFilters,
        response: { 200: ListOf(AccountStatement) },
        detail: documented.list,
      },
    )
    .post("/statements", async ({ caller, body }) => written(await createStatement(deps, caller, body)), {
      body: NewStatement,
      response: { 201: AccountStatement },
      detail: documented.create,
    })
    .get(
      "/statements/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const parts = { business_id, own_user_id: ownUserOf(caller), statement_id: params.id.toLowerCase() };
        return answered(scope, cached.statement, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: AccountStatement }, detail: documented.get },
    )
    .get(
      "/statements/:id/download",
      ({ caller, scope, params }) => download(deps, print, { caller, scope, id: params.id }),
      {
        params: IdParams,
        detail: documented.download,
      },
    );
};

async function download(
  deps: Deps,
  print: StatementPrinter,
  { caller, scope, id }: { caller: Caller; scope: RequestScope; id: string },
): Promise<Response> {
  const accept = scope.request.headers.get("accept") ?? "*/*";
  const head = await getHead(deps, caller, id);
  const rows = eachStatementRow(deps, caller, head);
  const name = `statement-${head.account_number}-${head.from_date}-${head.to_date}`;
  const isTooLong = head.entries > pdfEntriesMax;
  if (prefers(accept, csv, pdf) || (isTooLong && accepts(accept, csv))) {
    const records = statementRecords(rows);
    return csvResponse(statementColumns, records, { filename: `${name}.csv`, signal: scope.signal });
  }
  if (isTooLong) {
    throw new Problem("not_acceptable", {
      detail: `The statement has ${head.entries} entries, a PDF at most ${pdfEntriesMax}: take it as ${csv}`,
    });
  }
  const bytes = await print(head, rows);
  return new Response(bytes, {
    headers: {
      "content-type": pdf,
      "content-disposition": attachment(`${name}.pdf`),
      etag: entityTag(bytes),
    },
  });
}
