import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { WireStatus } from "../platform/enums.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { ownUserOf } from "./own.ts";
import {
  createWire as createStatement,
  findWireAccount,
  listWires,
  moveWire,
  quoteWire,
} from "./statements.ts";
import { accountsTag, accountTag, moneyTags, wiresTag } from "./tags.ts";
import { type WireAction, wireMoves } from "./wire-moves.ts";

/** A wire as it is asked for. `amount`: what the beneficiary gets, minor units of `currency`. */
export type WireInput = Readonly<{
  account_id: string;
  beneficiary_id: string;
  amount: number;
  currency: string;
  purpose_code?: string | null;
}>;

/** What a page of wires depends on. */
export type WirePageParts = {
  business_id: string;
  own_user_id: string | null;
  customer_id: string | null;
  /** Separated by commas, in alphabetical order. */
  statuses: string | null;
  sort: string;
  after: string | null;
  limit_rows: number;
};

/** A page of wires, newest first unless sorted otherwise. */
export const wirePage = (
  caller: Caller,
  query: { customer_id?: string; status?: readonly WireStatus[]; sort?: string; limit?: number },
  after: Keyset | null = null,
): WirePageParts => ({
  business_id: caller.business_id,
  own_user_id: ownUserOf(caller),
  customer_id: query.customer_id?.toLowerCase() ?? null,
  statuses: query.status === undefined ? null : [...new Set(query.status)].toSorted().join(","),
  sort: query.sort ?? "-created_at",
  ...pageParameters(query.limit, after),
});

export async function readWirePage(
  { report }: Pick<Deps["db"], "report">,
  { statuses, ...parts }: WirePageParts,
  context: QueryContext,
): Promise<Page> {
  const wanted = (statuses?.split(",") ?? null) as WireStatus[] | null;
  const [row] = await report.query(listWires, { ...parts, statuses: wanted }, context);
  return row ?? emptyPage;
}

/**
 * What a wire would cost and what its limits leave, as they are now; null when the caller has no such account.
 *
 * @throws {Problem} `no_fx_rate`, `validation` for an amount that is nothing, or too much, in the account's currency
 */
export async function getWireQuote(
  deps: Deps,
  caller: Caller,
  { account_id, amount, currency }: { account_id: string; amount: number; currency: string },
): Promise<Resource | null> {
  const { business_id } = caller;
  const own_user_id = ownUserOf(caller);
  const parameters = { business_id, own_user_id, account_id, amount: String(amount), currency };
  const [row] = await deps.db.fast.query(quoteWire, parameters, caller);
  return row ?? null;
}

/**
 * Makes a wire and holds its amount and fee, in one statement.
 *
 * @throws {Problem} `reference_not_found`, `kyc_required`, `step_up_required`, `limit_exceeded`, `insufficient_funds`,
 *   `account_not_open`, `no_fx_rate`
 */
export function createWire(deps: Deps, caller: Caller, input: WireInput): Promise<Written | null> {
  const wire_transfer_id = deps.id();
  const parameters = { own_user_id: ownUserOf(caller), wire_transfer_id, wire: JSON.stringify(input) };
  const { business_id } = caller;
  const { account_id } = input;
  // A dormant account is active again.
  const awake = [accountsTag(business_id), accountTag(business_id, account_id)];
  return act(deps, caller, createStatement, parameters, [...tagsOf(caller, account_id), ...awake]);
}

/**
 * Moves a wire as `wireMoves` allows, with what that means for its money and its limits.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition` with `{from, to, allowed}`, `forbidden` for a
 *   role that may not make this move, `maker_checker`
 */
export async function decideWire(
  deps: Deps,
  caller: Caller,
  { id, action, given }: { id: string; action: WireAction; given: { reason?: string; network_ref?: string } },
): Promise<Written> {
  const { business_id, role, if_match } = caller;
  const own_user_id = ownUserOf(caller);
  const sought = { business_id, own_user_id, wire_transfer_id: id };
  // Which account's balance changes has to be said in the statement itself; it never becomes another.
  const [row] = await deps.db.fast.query(findWireAccount, sought, caller);
  if (row === undefined) throw new Problem("not_found");
  const parameters = {
    own_user_id,
    role,
    wire_transfer_id: id,
    version: if_match,
    action,
    moves: JSON.stringify(wireMoves),
    given: JSON.stringify(given),
    next_id: deps.id(),
  };
  const moved = await act(deps, caller, moveWire, parameters, tagsOf(caller, row.account_id));
  if (moved === null) throw new Problem("not_found");
  return moved;
}

const tagsOf = ({ business_id }: Caller, account_id: string) => [
  wiresTag(business_id),
  ...moneyTags(business_id, [account_id]),
];
