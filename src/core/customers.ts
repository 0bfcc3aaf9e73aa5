import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { act, orStale } from "./act.ts";
import {
  createCustomer as createStatement,
  getCustomer as getStatement,
  listCustomers as listStatement,
  listUnitNames,
  searchCustomers as searchStatement,
  setCustomerActive,
  updateCustomer as updateStatement,
} from "./statements.ts";
import { customersTag, customerTag } from "./tags.ts";

/** Lines that an address may have. */
export const addressLinesMax = 20;

/** Members of a customer that a caller may write. Absent: kept; null: cleared. */
export type CustomerInput = Readonly<{
  code?: string | null;
  name: string;
  phone?: string | null;
  email?: string | null;
  tax_no?: string | null;
  address?: Readonly<Record<string, string>>;
  unit_id?: string | null;
  notes?: string | null;
}>;

/** `q`: part of the name, or beginning of the phone number. `sort`: (-)created_at or (-)name. */
export type CustomerQuery = Readonly<{ q?: string; is_active?: boolean; sort?: string; limit?: number }>;

/** A customer as lists and exports have it. */
export type CustomerRow = Readonly<{
  id: string;
  code: string | null;
  name: string;
  phone: string | null;
  email: string | null;
  tax_no: string | null;
  address: Readonly<Record<string, unknown>>;
  unit_id: string | null;
  notes: string | null;
  is_active: boolean;
  created_at: string;
  updated_at: string;
}>;

/** One customer of the caller's business, null when there is none. */
export async function getCustomer(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const [row] = await deps.db.fast.query(
    getStatement,
    { business_id: caller.business_id, customer_id: id },
    caller,
  );
  return row ?? null;
}

/** What a page of customers depends on. */
export type CustomerPageParts = {
  business_id: string;
  /** Empty: all. */
  q: string;
  is_active: boolean | null;
  sort: string;
  after: string | null;
  limit_rows: number;
};

/** A page of customers, newest first unless sorted otherwise. */
export const customerPage = (
  { business_id }: Caller,
  query: CustomerQuery,
  after: Keyset | null = null,
): CustomerPageParts => ({
  business_id,
  q: query.q?.trim() ?? "",
  is_active: query.is_active ?? null,
  sort: query.sort ?? "-created_at",
  ...pageParameters(query.limit, after),
});

export async function readCustomerPage(
  { report }: Pick<Deps["db"], "report">,
  { q, ...parameters }: CustomerPageParts,
  context: QueryContext,
): Promise<Page> {
  const [row] =
    q === ""
      ? await report.query(listStatement, parameters, context)
      : await report.query(searchStatement, { ...parameters, q, phone: phonePrefixOf(q) }, context);
  return row ?? emptyPage;
}

const phoneLike = /^\+?\d{3,15}$/;

/** The beginning of an E.164 number, however it was typed; a `+` in a query string arrives as a space. */
export function phonePrefixOf(q: string): string | null {
  const digits = q.replaceAll(/[\s().-]/g, "");
  return phoneLike.test(digits) ? `+${digits.replace("+", "")}` : null;
}

/** Every customer that the query finds, with the name of its unit, in constant memory. */
export async function* exportCustomers(
  deps: Deps,
  caller: Caller,
  query: CustomerQuery,
): AsyncGenerator<CustomerRow & { unit: string | null }, void, undefined> {
  const units = await deps.db.fast.query(listUnitNames, { business_id: caller.business_id }, caller);
  const names = new Map(units.map(({ id, name }) => [id, name]));
  const rows = eachRow<CustomerRow>((after, limit) =>
    readCustomerPage(deps.db, customerPage(caller, { ...query, limit }, after), caller),
  );
  for await (const row of rows) {
    yield { ...row, unit: row.unit_id === null ? null : (names.get(row.unit_id) ?? null) };
  }
}

/** Creates a customer. Refuses a code that exists (`already_exists`) and a unit of nobody (`reference_not_found`). */
export async function createCustomer(
  deps: Deps,
  caller: Caller,
  input: CustomerInput,
): Promise<Written | null> {
  const parameters = { customer_id: deps.id(), customer: JSON.stringify(input) };
  return act(deps, caller, createStatement, parameters, [customersTag(caller.business_id)]);
}

/** Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`. */
export async function updateCustomer(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Partial<CustomerInput>,
): Promise<Written> {
  const parameters = { customer_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  const changed = await act(deps, caller, updateStatement, parameters, tagsOf(caller, id));
  return orStale(changed, () => getCustomer(deps, caller, id));
}

/** Archives a customer. Refuses an archived one (`illegal_transition`) and a stale `If-Match`. */
export function archiveCustomer(deps: Deps, caller: Caller, id: string): Promise<Written> {
  return setActive(deps, caller, id, false);
}

/** Brings an archived customer back. Refuses an active one (`illegal_transition`) and a stale `If-Match`. */
export function restoreCustomer(deps: Deps, caller: Caller, id: string): Promise<Written> {
  return setActive(deps, caller, id, true);
}

async function setActive(deps: Deps, caller: Caller, id: string, is_active: boolean): Promise<Written> {
  const parameters = { customer_id: id, version: caller.if_match, is_active };
  const result = await act(deps, caller, setCustomerActive, parameters, tagsOf(caller, id));
  if (result !== null) return result;
  const found = await getCustomer(deps, caller, id);
  if (found === null) throw new Problem("not_found");
  const isStale = caller.if_match !== null && caller.if_match !== found.version;
  const row = JSON.parse(found.body) as CustomerRow;
  // Not in the state that is refused: others moved it there and back in between.
  if (isStale || row.is_active !== is_active) throw new Problem("precondition_failed");
  const from = is_active ? "active" : "archived";
  const extra = { from, to: from, allowed: [is_active ? "archived" : "active"] };
  throw new Problem("illegal_transition", { detail: `The customer is ${from} already`, extra });
}

const tagsOf = ({ business_id }: Caller, id: string) => [
  customersTag(business_id),
  customerTag(business_id, id),
];
