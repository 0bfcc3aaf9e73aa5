import type { Refusal } from "./refusal.ts";

/** The names of budgets: see refusals.ts. */
export const budgetRefusals: Readonly<Record<string, Refusal>> = {
  unknown_category: { code: "unknown_category" },
  income_category: { code: "income_category" },
  category_in_use: { code: "category_in_use" },
  transactions_category_fk: { code: "unknown_category", pointer: "/category_id" },
  budget_month: {
    code: "validation",
    pointer: "month",
    detail: "Before the first month of the budget, or fifty years later",
  },
  currency_mismatch: {
    code: "currency_mismatch",
    pointer: "/account_id",
    detail: "The account is not in the budget's currency",
  },
  transactions_day: {
    code: "validation",
    pointer: "/occurred_on",
    detail: "Before the first month of the budget, or fifty years later",
  },
  budgets_count: { code: "validation", detail: "A person has 100 budgets at most" },
  budgets_currency_fk: { code: "validation", pointer: "/currency", detail: "There is no such currency" },
  budgets_timezone_ck: {
    code: "validation",
    pointer: "/timezone",
    detail: "Not a time zone of the IANA database",
  },
  budgets_first_month_ck: {
    code: "validation",
    pointer: "/first_month",
    detail: "A month of the years 1970 to 2199",
  },
  budget_first_month: {
    code: "validation",
    pointer: "month",
    detail: "The budget begins with this month: there is none before it",
  },
  budget_tracking_hold: {
    code: "validation",
    pointer: "/held",
    detail: "A budget in tracking mode holds nothing",
  },
  plans_twice: { code: "validation", pointer: "/items", detail: "Names a category twice" },
  allocations_planned_ck: {
    code: "validation",
    detail: "A plan of a category is at most 2^53 - 1 minor units, above or below 0",
  },
  budgets_default_stays: {
    code: "validation",
    pointer: "/is_default",
    detail: "The default is moved by making another budget the default",
  },
  budgets_currency_stays: {
    code: "in_use",
    pointer: "/currency",
    detail: "There are amounts in the budget, and they are in its currency",
  },
  budgets_first_month_rows: {
    code: "in_use",
    pointer: "/first_month",
    detail: "Something in the budget is earlier",
  },
  category_groups_count: { code: "validation", detail: "A budget has 100 groups at most" },
  category_groups_income_ck: {
    code: "validation",
    pointer: "/target_bps",
    detail: "Nothing of the income is meant for income",
  },
  categories_count: { code: "validation", detail: "A budget has 500 categories at most" },
  categories_group_fk: {
    code: "reference_not_found",
    pointer: "/group_id",
    detail: "The budget has no such group",
  },
  categories_group_income: {
    code: "validation",
    pointer: "/group_id",
    detail: "A category does not move between income and the others",
  },
  category_into_itself: { code: "validation", pointer: "/into", detail: "The category itself" },
  category_into_income: {
    code: "validation",
    pointer: "/into",
    detail: "Categories of income go into categories of income, others into others",
  },
  category_groups_name_uq: {
    code: "already_exists",
    pointer: "/name",
    detail: "The budget has a group of this name",
  },
  categories_name_uq: {
    code: "already_exists",
    pointer: "/name",
    detail: "The group has a category of this name",
  },
};
