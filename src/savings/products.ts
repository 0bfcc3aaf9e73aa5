import { act, orStale } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import type { CommissionRule, ProductKind } from "../platform/enums.ts";
import {
  createProduct as createStatement,
  getProduct as getStatement,
  listProducts as listStatement,
  quoteProduct,
  updateProduct as updateStatement,
} from "./statements.ts";
import { productsTag } from "./tags.ts";

/** Terms of a product: amounts in minor units, parts in basis points, null for no limit. */
export type ProductTerms = Readonly<{
  kind: ProductKind;
  cycle_markings: number;
  calendar_month: boolean;
  flexible_amount: boolean;
  min_marking_amount: number;
  max_marking_amount: number | null;
  commission_rule: CommissionRule;
  commission_bps: number;
  commission_flat: number;
  commission_cap: number | null;
  agent_share_bps: number;
  parent_share_bps: number;
  early_fee_bps: number;
  early_fee_months: number;
  min_markings_before_payment: number;
  backdate_days: number;
  auto_renew: boolean;
  is_active: boolean;
}>;

/** The terms of a product of which nothing else is said: one marking of 31 is the agent's. */
export const defaultTerms: ProductTerms = {
  kind: "daily",
  cycle_markings: 31,
  calendar_month: false,
  flexible_amount: false,
  min_marking_amount: 1,
  max_marking_amount: null,
  commission_rule: "one_marking_per_cycle",
  commission_bps: 0,
  commission_flat: 0,
  commission_cap: null,
  agent_share_bps: 10_000,
  parent_share_bps: 0,
  early_fee_bps: 0,
  early_fee_months: 0,
  min_markings_before_payment: 2,
  backdate_days: 3,
  auto_renew: false,
  is_active: true,
};

export type ProductInput = Readonly<{ name: string; currency?: string }> & Partial<ProductTerms>;

export type ProductQuery = Readonly<{ is_active?: boolean; kind?: ProductKind; limit?: number }>;

/** What a page of products depends on. */
export type ProductPageParts = {
  business_id: string;
  is_active: boolean | null;
  kind: ProductKind | null;
  after: string | null;
  limit_rows: number;
};

/** The first page of products, by name. */
export const productPage = ({ business_id }: Caller, query: ProductQuery): ProductPageParts => ({
  business_id,
  is_active: query.is_active ?? null,
  kind: query.kind ?? null,
  ...pageParameters(query.limit, null),
});

export async function readProductPage(
  { fast }: Pick<Deps["db"], "fast">,
  parts: ProductPageParts,
  context: QueryContext,
): Promise<Page> {
  const [row] = await fast.query(listStatement, parts, context);
  return row ?? emptyPage;
}

/**
 * Makes a product. Refuses a currency that is not the business's (`validation`), a name that is taken (`already_exists`), and
 * terms that contradict each other (`validation`).
 */
export function createProduct(deps: Deps, caller: Caller, input: ProductInput): Promise<Written | null> {
  const parameters = { product_id: deps.id(), product: JSON.stringify({ ...defaultTerms, ...input }) };
  return act(deps, caller, createStatement, parameters, [productsTag(caller.business_id)]);
}

/**
 * Changes the members that `patch` names (RFC 7396), for accounts that are opened from now on. Refuses a stale `If-Match`,
 * and what `createProduct` refuses.
 */
export async function updateProduct(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Readonly<{ name?: string }> & Partial<ProductTerms>,
): Promise<Written> {
  const { business_id, if_match: version } = caller;
  const parameters = { product_id: id, version, patch: JSON.stringify(patch) };
  const changed = await act(deps, caller, updateStatement, parameters, [productsTag(business_id)]);
  return orStale(changed, async () => {
    const [row] = await deps.db.fast.query(getStatement, { business_id, product_id: id }, caller);
    return row ?? null;
  });
}

/** What a plan should be. Minor units; `target_amount`: what should be paid out in the end, at least. */
export type PlanInput = Readonly<{
  target_amount?: number;
  marking_amount?: number;
  cycles?: number;
  starts_on?: string;
}>;

/**
 * What a plan comes to when it is kept to its end, as JSON text. Refuses an amount outside the product's range, a target
 * beside an amount, and one that no amount of the product comes to (`validation`).
 */
export async function quotePlan(deps: Deps, caller: Caller, id: string, plan: PlanInput): Promise<string> {
  if (plan.target_amount !== undefined && plan.marking_amount !== undefined) {
    const errors = [{ pointer: "marking_amount", detail: "follows from the target: send one of both" }];
    throw new Problem("validation", { errors });
  }
  const { business_id } = caller;
  const parameters = { business_id, product_id: id, plan: JSON.stringify(plan) };
  const [row] = await deps.db.fast.query(quoteProduct, parameters, caller);
  if (row === undefined || row.body === null) throw new Problem("not_found");
  return row.body;
}
