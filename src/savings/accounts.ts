import { act, orNotFound } from "../core/act.ts";
import { phonePrefixOf } from "../core/customers.ts";
import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { SavingsAccountStatus } from "../platform/enums.ts";
import { accountMoves } from "./accounts-moves.ts";
import { type Own, ownOf } from "./own.ts";
import {
  listAccounts as listStatement,
  moveAccount as moveStatement,
  openAccount as openStatement,
  renewAccount as renewStatement,
  updateAccount as updateStatement,
} from "./statements.ts";
import { savingsAccountsTag, savingsAccountTag } from "./tags.ts";

/** A plan that a customer begins. `marking_amount` in minor units; `starts_on` a day of the business's calendar. */
export type AccountInput = Readonly<{
  customer_id: string;
  product_id: string;
  marking_amount: number;
  cycles?: number;
  starts_on: string;
  unit_id?: string | null;
  agent_id?: string;
}>;

export type AccountQuery = Readonly<{
  status?: readonly SavingsAccountStatus[];
  unit_id?: string;
  agent_id?: string;
  customer_id?: string;
  product_id?: string;
  q?: string;
  starts_from?: string;
  starts_to?: string;
  behind_gte?: number;
  sort?: string;
  limit?: number;
}>;

/** What a page of accounts depends on. */
export type AccountPageParts = Own & {
  business_id: string;
  /** Comma-separated; null: all. */
  statuses: string | null;
  unit_id: string | null;
  agent_id: string | null;
  customer_id: string | null;
  product_id: string | null;
  starts_from: string | null;
  starts_to: string | null;
  behind_gte: number | null;
  q: string | null;
  sort: string;
  after: string | null;
  limit_rows: number;
  /** The zone and its day, where it matters how many slots are due; else null. */
  timezone: string | null;
  today: string | null;
};

const small = (id: string | undefined): string | null => id?.toLowerCase() ?? null;

/**
 * A page of the accounts that the caller may see, newest first unless sorted otherwise. What has to read all accounts of a
 * round is for one agent's round only (`validation`).
 */
export function accountPage(
  caller: Caller,
  query: AccountQuery,
  { today, after = null }: { today: string; after?: Keyset | null },
): AccountPageParts {
  const { sort = "-created_at", behind_gte = null } = query;
  const isOfRound = behind_gte !== null || !sort.endsWith("created_at");
  if (isOfRound && query.agent_id === undefined) {
    const errors = [{ pointer: "agent_id", detail: "is required with behind_gte and with this sort" }];
    throw new Problem("validation", { errors });
  }
  const statuses = [...new Set(query.status)].toSorted().join(",");
  return {
    business_id: caller.business_id,
    ...ownOf(caller),
    statuses: statuses === "" ? null : statuses,
    unit_id: small(query.unit_id),
    agent_id: small(query.agent_id),
    customer_id: small(query.customer_id),
    product_id: small(query.product_id),
    starts_from: query.starts_from ?? null,
    starts_to: query.starts_to ?? null,
    behind_gte,
    q: query.q?.trim() ?? null,
    sort,
    ...pageParameters(query.limit, after),
    timezone: behind_gte === null ? null : caller.timezone,
    today: behind_gte === null ? null : today,
  };
}

const tenDigits = /^[0-9]{10}$/;

export async function readAccountPage(
  { report }: Pick<Deps["db"], "report">,
  { statuses, timezone: _zone, today: _day, ...parts }: AccountPageParts,
  context: QueryContext,
): Promise<Page> {
  const { q } = parts;
  const parameters = {
    ...parts,
    statuses: (statuses?.split(",") ?? null) as SavingsAccountStatus[] | null,
    phone: q === null ? null : phonePrefixOf(q),
    tracking_number: q !== null && tenDigits.test(q) ? q : null,
  };
  const [row] = await report.query(listStatement, parameters, context);
  return row ?? emptyPage;
}

/** Columns of an export, in order; members of an account. */
export const accountColumns = [
  "id",
  "tracking_number",
  "run_no",
  "status",
  "customer_id",
  "customer_name",
  "product_id",
  "agent_id",
  "unit_id",
  "currency",
  "marking_amount",
  "cycles",
  "markings_total",
  "markings_paid",
  "collected",
  "starts_on",
  "ends_on",
  "closed_at",
  "created_at",
] as const;

type AccountRow = Readonly<Record<(typeof accountColumns)[number], string | number | null>>;

/** The records of an export: every account that the query finds, in constant memory. */
export async function* accountRecords(
  deps: Deps,
  caller: Caller,
  query: AccountQuery,
  today: string,
): AsyncGenerator<(string | number | null)[], void, undefined> {
  const rows = eachRow<AccountRow>((after, limit) =>
    readAccountPage(deps.db, accountPage(caller, { ...query, limit }, { today, after }), caller),
  );
  for await (const row of rows) yield accountColumns.map((column) => row[column]);
}

/**
 * Opens an account with the terms of its product. Who names no agent gets one: agents themselves, else who looked after the
 * customer last, else the manager of the unit, else the owner. Refuses a customer, product, agent or unit that is not there
 * or not theirs (`reference_not_found`), an amount or a day out of range (`validation`), a second active account of the
 * product (`active_account_exists`), and to customers to choose their agent or unit (`forbidden`).
 */
export function openAccount(deps: Deps, caller: Caller, input: AccountInput): Promise<Written | null> {
  const own = ownOf(caller);
  const chooses = input.agent_id !== undefined || input.unit_id !== undefined;
  if (own.own_user_id !== null && chooses) {
    throw new Problem("forbidden", { detail: "Your agent and your unit are found for you" });
  }
  const account = JSON.stringify({ cycles: 1, ...input });
  const parameters = { account_id: deps.id(), ...own, account };
  return act(deps, caller, openStatement, parameters, [savingsAccountsTag(caller.business_id)]);
}

/**
 * Gives an account another agent or unit. Refuses a stale `If-Match`, and an agent who collects no more or a unit that is not
 * there (`reference_not_found`).
 */
export async function updateAccount(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Readonly<{ agent_id?: string; unit_id?: string | null }>,
): Promise<Written> {
  const parameters = { account_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  const changed = await act(deps, caller, updateStatement, parameters, tagsOf(caller, id));
  return orNotFound(changed);
}

const moves = JSON.stringify(accountMoves);

/**
 * Closes an account, or adds cycles to it. Refuses a state in which that cannot be (`illegal_transition`), a stale
 * `If-Match`, and more than 60 cycles (`validation`).
 */
export async function moveAccount(
  deps: Deps,
  caller: Caller,
  id: string,
  move: Readonly<{ action: "close"; reason: string } | { action: "extend"; cycles: number }>,
): Promise<Written> {
  const parameters = {
    account_id: id,
    ...ownOf(caller),
    version: caller.if_match,
    moves,
    reason: null,
    cycles: 0,
    ...move,
  };
  return orNotFound(await act(deps, caller, moveStatement, parameters, tagsOf(caller, id)));
}

/**
 * Opens the next run of an account that has ended, from today, with the terms that its product has now. Refuses one that has
 * not ended (`illegal_transition`), a stale `If-Match`, and what `openAccount` refuses.
 */
export async function renewAccount(
  deps: Deps,
  caller: Caller,
  id: string,
  plan: Readonly<{ marking_amount?: number; cycles?: number }>,
): Promise<Written> {
  const parameters = {
    account_id: id,
    ...ownOf(caller),
    version: caller.if_match,
    moves,
    new_account_id: deps.id(),
    plan: JSON.stringify(plan),
  };
  return orNotFound(await act(deps, caller, renewStatement, parameters, tagsOf(caller, id)));
}

const tagsOf = ({ business_id }: Caller, id: string): Tag[] => [
  savingsAccountsTag(business_id),
  savingsAccountTag(business_id, id),
];
