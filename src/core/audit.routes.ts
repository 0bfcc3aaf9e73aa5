import { Elysia, t } from "elysia";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list } from "../http/respond.ts";
import { Instant, listParameters, ListOf, Nullable, strict, Uuid } from "../http/schema.ts";
import { auditColumns, auditRecords, listAuditLogs } from "./audit.ts";

const Values = Nullable(t.Record(t.String(), t.Any()));

const AuditLog = t.Object({
  id: t.Integer(),
  at: Instant,
  action: t.String({ examples: ["customer.updated"] }),
  entity_type: t.String({ examples: ["customer"] }),
  entity_id: Nullable(Uuid),
  actor_user_id: Nullable(Uuid),
  actor_name: Nullable(t.String()),
  session_id: Nullable(Uuid),
  request_id: Nullable(t.String()),
  ip: Nullable(t.String()),
  before: Values,
  after: Values,
  seq: Nullable(
    t.Integer({ description: "Place in the hash chain; null until it is sealed, some seconds later" }),
  ),
  hash: Nullable(t.String({ description: "SHA-256 over the row and the hash before it, hexadecimal" })),
});

const AuditFilters = strict({
  ...listParameters,
  entity_type: t.Optional(t.String({ maxLength: 64, examples: ["customer"] })),
  entity_id: t.Optional(Uuid),
  actor_user_id: t.Optional(Uuid),
  action: t.Optional(t.String({ maxLength: 100, examples: ["customer.updated"] })),
  from: t.Optional(t.String({ format: "date-time", description: "From this instant on" })),
  to: t.Optional(t.String({ format: "date-time", description: "Before this instant" })),
});

/** The audit trail: every change of business data, who made it, and what it was before. */
export const auditRoutes = (deps: Deps) =>
  new Elysia({ name: "core.audit", prefix: "/api/v1", normalize: false }).use(edge).get(
    "/audit-logs",
    async ({ caller, scope, query }) => {
      if (!wantsCsv(scope.request.headers.get("accept"))) {
        return list(deps, { caller, scope, query }, listAuditLogs);
      }
      const options = { filename: "audit-logs.csv", signal: scope.signal };
      return csvResponse(auditColumns, auditRecords(deps, caller, query), options);
    },
    {
      query: AuditFilters,
      response: { 200: ListOf(AuditLog) },
      detail: operation({
        id: "listAuditLogs",
        cache: { uncached: "every change adds to it, and what it shows is evidence" },
        permission: "audit.read",
        tag: "Audit trail",
        limit: "search",
        produces: ["application/json", "text/csv"],
        summary: "Changes of business data",
        description:
          "Newest first. Of an update, `before` and `after` hold the changed values only. " +
          "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
        errors: ["invalid_cursor"],
      }),
    },
  );
