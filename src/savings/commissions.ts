import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { ownOf } from "./own.ts";
import { listCommissions, settleCommissions as settleStatement } from "./statements.ts";
import { commissionsTag } from "./tags.ts";

/** What a page of commissions depends on. */
export type CommissionPageParts = {
  business_id: string;
  own_agent_id: string | null;
  agent_id: string | null;
  from_date: string | null;
  to_date: string | null;
  after: string | null;
  limit_rows: number;
};

/** What a list of commissions is asked for with. */
export type CommissionQuery = Readonly<{
  agent_id?: string;
  from?: string;
  to?: string;
  limit?: number;
}>;

/** A page of commissions, newest first. `from` and `to`: days of the business on which they were earned. */
export const commissionPage = (
  caller: Caller,
  query: CommissionQuery,
  after: Keyset | null = null,
): CommissionPageParts => ({
  business_id: caller.business_id,
  own_agent_id: ownOf(caller).own_agent_id,
  agent_id: query.agent_id?.toLowerCase() ?? null,
  from_date: query.from ?? null,
  to_date: query.to ?? null,
  ...pageParameters(query.limit, after),
});

export async function readCommissionPage(
  { report }: Pick<Deps["db"], "report">,
  parts: CommissionPageParts,
  context: QueryContext,
): Promise<Page> {
  const [row] = await report.query(listCommissions, parts, context);
  return row ?? emptyPage;
}

/** Columns of an export, in order: members of a commission. */
export const commissionColumns = [
  "id",
  "earned_on",
  "savings_account_id",
  "payment_request_id",
  "agent_id",
  "parent_agent_id",
  "amount",
  "agent_amount",
  "parent_amount",
  "house_amount",
  "currency",
  "ledger_transaction_id",
  "agent_settlement_id",
  "parent_settlement_id",
] as const;

type CommissionRow = Readonly<Record<(typeof commissionColumns)[number], string | number | null>>;

/** All that match, one record each under `commissionColumns`. */
export async function* commissionRecords(deps: Deps, caller: Caller, query: CommissionQuery) {
  const rows = eachRow<CommissionRow>((after, limit) =>
    readCommissionPage(deps.db, commissionPage(caller, { ...query, limit }, after), caller),
  );
  for await (const row of rows) yield commissionColumns.map((column) => row[column]);
}

/**
 * Pays an agent from the vault what they have earned until a day of the business, and was not paid out yet.
 *
 * @throws {Problem} `reference_not_found` for who is no member, `maker_checker` for oneself, `nothing_to_pay`
 */
export function settleCommissions(
  deps: Deps,
  caller: Caller,
  { agent_id, until }: { agent_id: string; until: string },
): Promise<Written | null> {
  const parameters = { settlement_id: deps.id(), agent_id, until };
  return act(deps, caller, settleStatement, parameters, [commissionsTag(caller.business_id)]);
}
