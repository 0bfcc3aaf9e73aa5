import type { Refusal } from "./refusal.ts";

/** Names of savings products and accounts: see refusals.ts. */
export const savingsRefusals: Readonly<Record<string, Refusal>> = {
  products_name_uq: {
    code: "already_exists",
    pointer: "/name",
    detail: "There is a savings product of this name",
  },
  products_business_currency: {
    code: "validation",
    pointer: "/currency",
    detail: "Savings are kept in the currency of the business",
  },
  products_max_amount_ck: {
    code: "validation",
    pointer: "/max_marking_amount",
    detail: "At least `min_marking_amount`",
  },
  products_calendar_ck: {
    code: "validation",
    pointer: "/calendar_month",
    detail: "A month has no whole number of weeks",
  },
  savings_quote_target: {
    code: "validation",
    pointer: "/target_amount",
    detail: "No marking amount that the product takes comes to so much",
  },
  savings_accounts_customer_fk: {
    code: "reference_not_found",
    pointer: "/customer_id",
    detail: "There is no such customer, or it is archived",
  },
  savings_accounts_product_fk: {
    code: "reference_not_found",
    pointer: "/product_id",
    detail: "There is no such product in the business's currency, or it is not offered",
  },
  savings_accounts_agent_fk: {
    code: "reference_not_found",
    pointer: "/agent_id",
    detail: "There is no such member, or they do not collect",
  },
  savings_accounts_unit_fk: {
    code: "reference_not_found",
    pointer: "/unit_id",
    detail: "There is no such unit",
  },
  savings_accounts_amount_range: {
    code: "validation",
    pointer: "/marking_amount",
    detail: "Outside the range of the product, or more than an account may hold in the end",
  },
  savings_accounts_total_ck: {
    code: "validation",
    pointer: "/cycles",
    detail: "An account has 3,660 slots at most",
  },
  savings_accounts_cycles_ck: {
    code: "validation",
    pointer: "/cycles",
    detail: "An account has 60 cycles at most",
  },
  savings_accounts_starts_on: {
    code: "validation",
    pointer: "/starts_on",
    detail: "Too far back, or more than 366 days ahead",
  },
};
