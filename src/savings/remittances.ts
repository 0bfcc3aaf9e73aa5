import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { RemittanceStatus } from "../platform/enums.ts";
import { type Own, ownOf } from "./own.ts";
import { type RemittanceAction, remittanceMoves } from "./remittance-moves.ts";
import { listRemittances, moveRemittance } from "./statements.ts";
import { remittancesTag } from "./tags.ts";

/** What a page of remittances depends on. Dates are business dates. */
export type RemittancePageParts = Own & {
  business_id: string;
  agent_id: string | null;
  /** Separated by commas, in alphabetical order. */
  statuses: string | null;
  from_date: string | null;
  to_date: string | null;
  sort: string;
  after: string | null;
  limit_rows: number;
};

/** What a list of remittances is asked for with. */
export type RemittanceQuery = Readonly<{
  agent_id?: string;
  status?: readonly RemittanceStatus[];
  from?: string;
  to?: string;
  sort?: string;
  limit?: number;
}>;

/** A page of remittances, the latest day first unless sorted otherwise. */
export const remittancePage = (
  caller: Caller,
  query: RemittanceQuery,
  after: Keyset | null = null,
): RemittancePageParts => ({
  business_id: caller.business_id,
  ...ownOf(caller),
  agent_id: query.agent_id?.toLowerCase() ?? null,
  statuses: query.status === undefined ? null : [...new Set(query.status)].toSorted().join(","),
  from_date: query.from ?? null,
  to_date: query.to ?? null,
  sort: query.sort ?? "-business_date",
  ...pageParameters(query.limit, after),
});

export async function readRemittancePage(
  { report }: Pick<Deps["db"], "report">,
  { statuses, ...parts }: RemittancePageParts,
  context: QueryContext,
): Promise<Page> {
  const wanted = (statuses?.split(",") ?? null) as RemittanceStatus[] | null;
  const [row] = await report.query(listRemittances, { ...parts, statuses: wanted }, context);
  return row ?? emptyPage;
}

/** Columns of an export, in order: members of a remittance. */
export const remittanceColumns = [
  "id",
  "agent_id",
  "business_date",
  "no",
  "status",
  "expected",
  "declared",
  "counted",
  "variance",
  "currency",
  "note",
  "submitted_at",
  "confirmed_by",
  "confirmed_at",
  "ledger_transaction_id",
] as const;

type RemittanceRow = Readonly<Record<(typeof remittanceColumns)[number], string | number | null>>;

/** All that match, one record each under `remittanceColumns`. */
export async function* remittanceRecords(deps: Deps, caller: Caller, query: RemittanceQuery) {
  const rows = eachRow<RemittanceRow>((after, limit) =>
    readRemittancePage(deps.db, remittancePage(caller, { ...query, limit }, after), caller),
  );
  for await (const row of rows) yield remittanceColumns.map((column) => row[column]);
}

/** What goes with a move, amounts in minor units of the business's currency. */
export type RemittanceGiven = Readonly<{ declared?: number; counted?: number; note?: string }>;

/**
 * Moves a remittance as `remittanceMoves` allows. A confirmation books what was counted, and the agent may hold so much
 * more again; what is missing of it the agent owes, what is too much they are owed.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition` with `{from, to, allowed}`, `forbidden` for who
 *   is not its agent, `maker_checker` for who is
 */
export async function decideRemittance(
  deps: Deps,
  caller: Caller,
  { id, action, given }: { id: string; action: RemittanceAction; given: RemittanceGiven },
): Promise<Written> {
  const parameters = {
    own_agent_id: ownOf(caller).own_agent_id,
    role: caller.role,
    remittance_id: id,
    version: caller.if_match,
    action,
    moves: JSON.stringify(remittanceMoves),
    given: JSON.stringify(given),
    next_id: deps.id(),
  };
  const moved = await act(deps, caller, moveRemittance, parameters, [remittancesTag(caller.business_id)]);
  if (moved === null) throw new Problem("not_found");
  return moved;
}
