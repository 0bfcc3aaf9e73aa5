import type { Refusal } from "./refusal.ts";

/** The names of budgets: see refusals.ts. */
export const budgetRefusals: Readonly<Record<string, Refusal>> = {
  unknown_category: { code: "unknown_category" },
  income_category: { code: "income_category" },
  category_in_use: { code: "category_in_use" },
  transactions_category_fk: { code: "unknown_category", pointer: "/category_id" },
  budget_month: {
    code: "validation",
    pointer: "/month",
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
