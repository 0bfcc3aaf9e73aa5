import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { PaymentMethod, PaymentRequestStatus } from "../platform/enums.ts";
import { type Own, ownOf } from "./own.ts";
import { type PaymentRequestAction, paymentRequestMoves } from "./payment-request-moves.ts";
import {
  createPaymentRequest as createStatement,
  findPaymentRequestAccounts,
  listPaymentRequests,
  movePaymentRequest,
} from "./statements.ts";
import { paymentTags, walletTags } from "./tags.ts";

/** A payment as it is asked for. Cash goes to no destination; a bank and a wallet need one of the customer's. */
export type PaymentRequestInput = Readonly<{
  savings_account_id: string;
  method: PaymentMethod;
  destination_id?: string;
}>;

/** What a page of payment requests depends on. */
export type PaymentRequestPageParts = Own & {
  business_id: string;
  timezone: string;
  /** Separated by commas, in alphabetical order. */
  statuses: string | null;
  from_date: string | null;
  to_date: string | null;
  after: string | null;
  limit_rows: number;
};

/** What a list of payment requests is asked for with. */
export type PaymentRequestQuery = Readonly<{
  status?: readonly PaymentRequestStatus[];
  from?: string;
  to?: string;
  limit?: number;
}>;

/** A page of payment requests, newest first. `from` and `to`: days of the business on which they were made. */
export const paymentRequestPage = (
  caller: Caller,
  query: PaymentRequestQuery,
  after: Keyset | null = null,
): PaymentRequestPageParts => ({
  business_id: caller.business_id,
  timezone: caller.timezone,
  ...ownOf(caller),
  statuses: query.status === undefined ? null : [...new Set(query.status)].toSorted().join(","),
  from_date: query.from ?? null,
  to_date: query.to ?? null,
  ...pageParameters(query.limit, after),
});

export async function readPaymentRequestPage(
  { report }: Pick<Deps["db"], "report">,
  { statuses, ...parts }: PaymentRequestPageParts,
  context: QueryContext,
): Promise<Page> {
  const wanted = (statuses?.split(",") ?? null) as PaymentRequestStatus[] | null;
  const [row] = await report.query(listPaymentRequests, { ...parts, statuses: wanted }, context);
  return row ?? emptyPage;
}

/** Columns of an export, in order: members of a payment request. */
export const paymentRequestColumns = [
  "id",
  "reference",
  "created_at",
  "status",
  "savings_account_id",
  "tracking_number",
  "customer_id",
  "agent_id",
  "unit_id",
  "method",
  "destination_id",
  "gross",
  "commission",
  "fees",
  "net",
  "currency",
  "agent_amount",
  "parent_agent_id",
  "parent_amount",
  "requested_by",
  "decided_by",
  "decided_at",
  "paid_by",
  "paid_at",
  "reason",
  "failure_code",
  "provider",
  "provider_ref",
  "ledger_transaction_id",
] as const;

type PaymentRequestRow = Readonly<Record<(typeof paymentRequestColumns)[number], string | number | null>>;

/** All that match, one record each under `paymentRequestColumns`. */
export async function* paymentRequestRecords(deps: Deps, caller: Caller, query: PaymentRequestQuery) {
  const rows = eachRow<PaymentRequestRow>((after, limit) =>
    readPaymentRequestPage(deps.db, paymentRequestPage(caller, { ...query, limit }, after), caller),
  );
  for await (const row of rows) yield paymentRequestColumns.map((column) => row[column]);
}

/**
 * Asks for all that an account has saved, and holds it, in one statement; an active account is closed early by it.
 *
 * @throws {Problem} `reference_not_found`, `payment_request_exists`, `nothing_to_pay`, `too_few_markings` with
 *   `{required, paid}`, `validation` where a destination is missing
 */
export function createPaymentRequest(
  deps: Deps,
  caller: Caller,
  input: PaymentRequestInput,
): Promise<Written | null> {
  const parameters = {
    ...ownOf(caller),
    payment_request_id: deps.id(),
    request: JSON.stringify(input),
  };
  return act(
    deps,
    caller,
    createStatement,
    parameters,
    paymentTags(caller.business_id, input.savings_account_id),
  );
}

/**
 * Moves a payment request as `paymentRequestMoves` allows, with what that means for its money and its account.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition` with `{from, to, allowed}`, `forbidden` for who
 *   may not make this move, `maker_checker`, `account_not_open` for a wallet that is not, `validation`
 */
export async function decidePaymentRequest(
  deps: Deps,
  caller: Caller,
  {
    id,
    action,
    given,
  }: {
    id: string;
    action: PaymentRequestAction;
    given: { reason?: string; failure_code?: string; provider?: string; provider_ref?: string };
  },
): Promise<Written> {
  const { business_id, role, if_match } = caller;
  const sought = { ...ownOf(caller), payment_request_id: id };
  // Which accounts' money moves has to be said in the statement itself; they never become others.
  const [row] = await deps.db.fast.query(findPaymentRequestAccounts, { business_id, ...sought }, caller);
  if (row === undefined) throw new Problem("not_found");
  const parameters = {
    ...sought,
    role,
    version: if_match,
    action,
    moves: JSON.stringify(paymentRequestMoves),
    given: JSON.stringify(given),
    next_id: deps.id(),
  };
  const { savings_account_id, bank_account_id } = row;
  const tags = [
    ...paymentTags(business_id, savings_account_id),
    ...(bank_account_id === null ? [] : walletTags(business_id, bank_account_id)),
  ];
  const moved = await act(deps, caller, movePaymentRequest, parameters, tags);
  if (moved === null) throw new Problem("not_found");
  return moved;
}
