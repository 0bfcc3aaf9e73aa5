import type { Deps } from "../http/deps.ts";
import { defaultLimit, type Keyset, type Page } from "../http/pagination.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { act, orStale } from "./act.ts";
import { createCustomer as createStatement, getCustomer as getStatement, listCustomers as listStatement, updateCustomer as updateStatement } from "./statements.ts";

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

export type CustomerQuery = Readonly<{ q?: string; is_active?: boolean; sort?: string; limit?: number }>;

/** One customer of the caller's business, null when there is none. */
export async function getCustomer(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const [row] = await deps.db.fast.query(getStatement, { business_id: caller.business_id, customer_id: id }, caller);
  return row ?? null;
}

/** A page of customers, newest first unless sorted otherwise. */
export async function listCustomers(deps: Deps, caller: Caller, query: CustomerQuery, after: Keyset | null): Promise<Page> {
  const [row] = await deps.db.report.query(
    listStatement,
    {
      business_id: caller.business_id,
      q: query.q ?? null,
      is_active: query.is_active ?? null,
      sort: query.sort ?? "-created_at",
      after: after === null ? null : JSON.stringify(after),
      limit_rows: query.limit ?? defaultLimit,
    },
    caller,
  );
  return row ?? { data: "[]", has_more: false, last_key: null };
}

/** Creates a customer. Refuses a code that exists (`already_exists`) and a unit of nobody (`reference_not_found`). */
export async function createCustomer(deps: Deps, caller: Caller, input: CustomerInput): Promise<Written | null> {
  return act(deps, caller, createStatement, { customer_id: deps.id(), customer: JSON.stringify(input) });
}

/** Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`. */
export async function updateCustomer(deps: Deps, caller: Caller, id: string, patch: Partial<CustomerInput>): Promise<Written> {
  const parameters = { customer_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  return orStale(await act(deps, caller, updateStatement, parameters), () => getCustomer(deps, caller, id));
}
