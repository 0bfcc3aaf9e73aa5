import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Caller } from "../http/scope.ts";
import { listAuditLogs as listStatement } from "./statements.ts";

/** `from` included, `to` excluded, both RFC 3339 instants. */
export type AuditQuery = Readonly<{
  entity_type?: string;
  entity_id?: string;
  actor_user_id?: string;
  action?: string;
  from?: string;
  to?: string;
  limit?: number;
}>;

/** A change as lists and exports have it. `before` and `after`: of an update the changed values only. */
export type AuditRow = Readonly<{
  id: number;
  at: string;
  action: string;
  entity_type: string;
  entity_id: string | null;
  actor_user_id: string | null;
  actor_name: string | null;
  session_id: string | null;
  request_id: string | null;
  ip: string | null;
  before: unknown;
  after: unknown;
  seq: number | null;
  hash: string | null;
}>;

/** A page of the audit trail of the caller's business, newest first. */
export async function listAuditLogs(
  deps: Deps,
  caller: Caller,
  query: AuditQuery,
  after: Keyset | null,
): Promise<Page> {
  const parameters = {
    business_id: caller.business_id,
    entity_type: query.entity_type ?? null,
    entity_id: query.entity_id ?? null,
    actor_user_id: query.actor_user_id ?? null,
    action: query.action ?? null,
    from_at: query.from ?? null,
    to_at: query.to ?? null,
    ...pageParameters(query.limit, after),
  };
  const [row] = await deps.db.report.query(listStatement, parameters, caller);
  return row ?? emptyPage;
}

export const auditColumns = [
  ...(["at", "action", "entity_type", "entity_id", "actor_user_id", "actor_name", "session_id"] as const),
  ...(["request_id", "ip", "before", "after", "id", "seq", "hash"] as const),
] as const;

/** Records of an export of the audit trail, under `auditColumns`; `before` and `after` are JSON. */
export async function* auditRecords(
  deps: Deps,
  caller: Caller,
  query: AuditQuery,
): AsyncGenerator<(string | number | null)[], void, undefined> {
  const rows = eachRow<AuditRow>((after, limit) => listAuditLogs(deps, caller, { ...query, limit }, after));
  for await (const row of rows) {
    yield auditColumns.map((column) => {
      const value = row[column];
      return typeof value === "string" || typeof value === "number" || value === null
        ? value
        : JSON.stringify(value);
    });
  }
}
