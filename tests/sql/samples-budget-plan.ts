import { defaultCategory } from "../../src/budget/categories.ts";
import { defaultGroup } from "../../src/budget/category-groups.ts";
import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const json = JSON.stringify;

/** Values for budgets, their groups, categories and months. */
export function ofBudgets({
  budget_id,
  category_id,
  budget_group_id: group_id,
  budget_owner_id,
}: Populated): Samples["statements"] {
  const own = { user_id: budget_owner_id, budget_id };
  const group = { ...own, group_id, version: null };
  const category = { ...own, category_id, version: null };
  const month = { ...own, month: "2025-06-01" };
  const view = { budget_id, month: "2025-06-01", currency: "NGN" };
  const write = { ...month, version: null };
  return {
    "budget/find_budget": [own, { ...own, budget_id: null }],
    "budget/list_budgets": [own, { ...own, after: json([id]) }],
    "budget/get_budget": [own],
    "budget/create_budget": [
      { budget_id: id, fields: json({ name: "Sample", currency: "NGN", timezone: "Africa/Lagos" }) },
    ],
    "budget/update_budget": [{ ...own, version: null, patch: json({ name: "Sample" }) }],
    "budget/delete_budget": [{ ...own, version: null }],
    "budget/list_category_groups": [own, { ...own, after: json(["0", id]) }],
    "budget/get_category_group": [group],
    "budget/create_category_group": [
      { ...own, group_id: id, fields: json({ ...defaultGroup, name: "Sample" }) },
    ],
    "budget/update_category_group": [{ ...group, patch: json({ sort: 1 }) }],
    "budget/delete_category_group": [{ ...group, group_id: id }],
    "budget/list_categories": [
      { ...own, group_id: null },
      { ...own, group_id, after: json(["0", id, "0", id]) },
    ],
    "budget/get_category": [category],
    "budget/create_category": [
      { ...own, category_id: id, fields: json({ ...defaultCategory, group_id, name: "Sample" }) },
    ],
    "budget/update_category": [{ ...category, patch: json({ sort: 1 }) }],
    "budget/delete_category": [{ ...category, category_id: id, into_id: null }],
    "budget/merge_category": [{ ...category, category_id: id, into_id: category_id }],
    "budget/get_month": [month],
    "budget/list_months": [{ ...own, from_month: "2025-01-01", to_month: "2025-12-01" }],
    "budget/plan_month": [
      { ...write, operation: "set", input: json({ plans: [{ category_id, planned: 5 }] }) },
      { ...write, operation: "target_bps", input: "{}" },
    ],
    "budget/hold_month": [
      { ...write, held: "5" },
      { ...write, held: null },
    ],
    "budget/get_allocations": [view],
    "budget/get_allocations_summary": [view],
    "budget/get_allocations_history": [{ ...view, months: 36 }],
    "budget/get_monthly_budget": [view],
  };
}
