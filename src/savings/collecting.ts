import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { Problem, type ProblemError } from "../http/problem.ts";
import { refusalDocuments } from "../http/refusals.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { CollectionMethod } from "../platform/enums.ts";
import { checkoutsOf } from "./checkouts.ts";
import { ownOf } from "./own.ts";
import { collectBatch, collectMarkings, findVisited, getCollectionSheet } from "./statements.ts";
import { markingTags } from "./tags.ts";

/** Visits that one request may tell of. */
export const batchVisitsMax = 500;
/** Accounts of one sheet. */
const sheetAccountsMax = 5_000;

/** A visit: so many markings of the account's amount, or one of each amount; minor units. */
export type Visit = Readonly<{
  count?: number;
  amounts?: readonly number[];
  method: CollectionMethod;
  /** Made on the device: a visit that is sent again is known by it. */
  client_ref: string;
  collected_at: string;
}>;

/** A visit of a batch names its account, by its id or by its number. */
export type BatchVisit = Visit & Readonly<{ savings_account_id?: string; tracking_number?: string }>;

/** What refuses a visit: savings.collect. */
const problems = refusalDocuments([
  "savings_account_not_found",
  "visit_cash",
  "visit_method",
  "visit_ahead",
  "visit_backdated",
  "visit_amounts",
  "visit_amount_range",
  "visit_amount",
  "client_ref_used",
  "account_full",
  "account_not_open",
  "balance_ceiling",
]);

const either = "send one of the two";

/** What the schema of a visit does not say. `at`: where it stands in the document. */
function faultsOf({ count, amounts, collected_at }: Visit, at = ""): ProblemError[] {
  const faults: ProblemError[] = [];
  if ((count === undefined) === (amounts === undefined)) {
    faults.push({ pointer: `${at}/count`, detail: `count or amounts: ${either}` });
  }
  if (Number.isNaN(Date.parse(collected_at))) {
    faults.push({ pointer: `${at}/collected_at`, detail: "is no instant" });
  }
  return faults;
}

/**
 * Books a visit: 201 with its collection, 200 with the one that the same `client_ref` and content became before. Cash is
 * confirmed at once; anything else is recorded, and fills slots when its provider says so. Refuses more markings than free
 * slots (`account_full`), an account that is not active (`account_not_open`), cash above the ceiling (`balance_ceiling`),
 * another visit under the same `client_ref` (`idempotency_mismatch`), and what is out of range (`validation`).
 */
export async function collect(
  deps: Deps,
  caller: Caller,
  savings_account_id: string,
  visit: Visit,
): Promise<Written | null> {
  const errors = faultsOf(visit);
  if (errors.length > 0) throw new Problem("validation", { errors });
  const parameters = {
    ...ownOf(caller),
    visit: JSON.stringify({ ...visit, savings_account_id, id: deps.id() }),
    checkouts: checkoutsOf(deps.config),
  };
  const tags = await tagsOf(deps, caller, [{ ...visit, savings_account_id }]);
  return act(deps, caller, collectMarkings, parameters, tags);
}

/**
 * Books many visits in one request, in their order, each on what those before it left: each by itself, or with `atomic` all
 * or none (`batch_refused`, whose `errors` name each visit that would have been refused).
 */
export async function collectMany(
  deps: Deps,
  caller: Caller,
  { atomic, items }: Readonly<{ atomic: boolean; items: readonly BatchVisit[] }>,
  instance: string,
): Promise<Written | null> {
  const errors = items.flatMap((item, at) => [
    ...faultsOf(item, `/items/${at}`),
    ...((item.savings_account_id === undefined) === (item.tracking_number === undefined)
      ? [
          {
            pointer: `/items/${at}/savings_account_id`,
            detail: `savings_account_id or tracking_number: ${either}`,
          },
        ]
      : []),
  ]);
  if (errors.length > 0) throw new Problem("validation", { errors });
  const parameters = {
    own_agent_id: ownOf(caller).own_agent_id,
    visits: JSON.stringify(items.map((item) => ({ ...item, id: deps.id() }))),
    checkouts: checkoutsOf(deps.config),
    is_atomic: atomic,
    problems,
    instance,
  };
  return act(deps, caller, collectBatch, parameters, await tagsOf(deps, caller, items));
}

/** What visits make wrong in the cache: their accounts, by whatever they are named, and the cash of who collects. */
async function tagsOf(deps: Deps, caller: Caller, items: readonly BatchVisit[]) {
  const { business_id, member_id } = caller;
  const ids = items.flatMap(({ savings_account_id: id }) => (id === undefined ? [] : [id]));
  const tracking_numbers = items.flatMap(({ tracking_number: no }) => (no === undefined ? [] : [no]));
  const [found] = await deps.db.fast.query(findVisited, { business_id, member_id, tracking_numbers }, caller);
  const named = found === undefined ? [] : (JSON.parse(found.account_ids) as string[]);
  const cash = found?.cash_id ?? null;
  return [...new Set(markingTags(business_id, [...ids, ...named], cash === null ? [] : [cash]))];
}

/**
 * The round of a day, for a phone to keep: agents have their own unless they name a sub-agent's, staff all accounts unless
 * they name an agent's. Refuses more than 5,000 accounts (`validation`).
 */
export async function readSheet(
  deps: Deps,
  caller: Caller,
  { date, agent_id }: Readonly<{ date: string; agent_id?: string }>,
): Promise<Resource> {
  const { own_agent_id } = ownOf(caller);
  const { business_id } = caller;
  const parameters = {
    business_id,
    own_agent_id,
    agent_id: agent_id ?? own_agent_id,
    date,
    limit_rows: sheetAccountsMax,
  };
  const [row] = await deps.db.report.query(getCollectionSheet, parameters, caller);
  if (row !== undefined && row.accounts > sheetAccountsMax) {
    const detail = `is required: there are more than ${sheetAccountsMax} accounts`;
    throw new Problem("validation", { errors: [{ pointer: "/agent_id", detail }] });
  }
  return { body: row?.body ?? "[]" };
}
