import { act, orStale } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { ownOf } from "./own.ts";
import {
  createPaymentDestination as createStatement,
  deletePaymentDestination as deleteStatement,
  findPaymentDestination,
  listPaymentDestinations,
} from "./statements.ts";
import { destinationsTag } from "./tags.ts";

/** Where a customer wants to be paid: an account at another bank, or a wallet (`bank_account_id`), which is one of ours. */
export type PaymentDestinationInput = Readonly<{
  customer_id: string;
  bank_name?: string;
  bank_code?: string;
  /** With or without spaces. */
  account_number?: string;
  account_name?: string;
  bank_account_id?: string;
}>;

/** What a page of destinations depends on. */
export type PaymentDestinationPageParts = {
  business_id: string;
  own_user_id: string | null;
  customer_id: string | null;
  after: string | null;
  limit_rows: number;
};

/** A page of destinations, newest first. */
export const paymentDestinationPage = (
  caller: Caller,
  query: { customer_id?: string; limit?: number },
  after: Keyset | null = null,
): PaymentDestinationPageParts => ({
  business_id: caller.business_id,
  own_user_id: ownOf(caller).own_user_id,
  customer_id: query.customer_id?.toLowerCase() ?? null,
  ...pageParameters(query.limit, after),
});

export async function readPaymentDestinationPage(
  { report }: Pick<Deps["db"], "report">,
  parts: PaymentDestinationPageParts,
  context: QueryContext,
): Promise<Page> {
  const [row] = await report.query(listPaymentDestinations, parts, context);
  return row ?? emptyPage;
}

/**
 * Keeps where a customer is paid.
 *
 * @throws {Problem} `reference_not_found` for a customer, or an account, of nobody or of somebody else; `already_exists`;
 *   `validation` for what is neither a bank's account nor a wallet
 */
export function createPaymentDestination(
  deps: Deps,
  caller: Caller,
  input: PaymentDestinationInput,
): Promise<Written | null> {
  const { own_user_id } = ownOf(caller);
  const parameters = { own_user_id, destination_id: deps.id(), destination: JSON.stringify(input) };
  return act(deps, caller, createStatement, parameters, tagsOf(caller));
}

/**
 * Takes a destination off the list; requests that were paid keep it. Refuses a stale `If-Match`.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `in_use` while a payment to it is under way
 */
export async function deletePaymentDestination(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const { business_id, if_match } = caller;
  const sought = { own_user_id: ownOf(caller).own_user_id, destination_id: id };
  const removed = await act(deps, caller, deleteStatement, { ...sought, version: if_match }, tagsOf(caller));
  return orStale(removed, async () => {
    const [row] = await deps.db.fast.query(findPaymentDestination, { business_id, ...sought }, caller);
    return row;
  });
}

const tagsOf = ({ business_id }: Caller) => [destinationsTag(business_id)];
