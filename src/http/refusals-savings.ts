import type { Refusal } from "./refusal.ts";

/** The names of savings: see refusals.ts. */
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
  savings_accounts_number_uq: {
    code: "already_exists",
    pointer: "/tracking_number",
    detail: "Another account has this number",
  },
  active_account_exists: { code: "active_account_exists" },
  payment_request_exists: { code: "payment_request_exists" },
  account_full: { code: "account_full", tells: true },
  nothing_to_pay: { code: "nothing_to_pay" },
  too_few_markings: { code: "too_few_markings", tells: true },
  remittance_closed: { code: "remittance_closed" },
  savings_account_not_found: {
    code: "not_found",
    detail: "There is no such savings account in your business.",
  },
  visit_cash: { code: "validation", pointer: "/method", detail: "Cash is given to an agent" },
  visit_method: {
    code: "validation",
    pointer: "/method",
    detail: "The business takes no payments by this method",
  },
  visit_ahead: { code: "validation", pointer: "/collected_at", detail: "Is an instant that is to come" },
  visit_backdated: {
    code: "validation",
    pointer: "/collected_at",
    detail: "Lies further back than the terms of the account allow",
  },
  visit_amounts: {
    code: "validation",
    pointer: "/amounts",
    detail: "All markings of this account have one amount: send count",
  },
  visit_amount_range: {
    code: "validation",
    pointer: "/amounts",
    detail: "An amount is outside the range of the account",
  },
  visit_amount: {
    code: "validation",
    pointer: "/count",
    detail: "What is saved would come to more than 2^53 - 1 minor units",
  },
  client_ref_used: {
    code: "idempotency_mismatch",
    pointer: "/client_ref",
    detail: "This client_ref was used for another visit",
  },
  remittances_maker_checker: { code: "maker_checker" },
  payment_requests_maker_checker: { code: "maker_checker" },
  payment_request_role: { code: "forbidden", detail: "Only who asked for a payment takes it back" },
  payment_request_account: {
    code: "reference_not_found",
    pointer: "/savings_account_id",
    detail: "There is no such savings account",
  },
  payment_request_destination: {
    code: "reference_not_found",
    pointer: "/destination_id",
    detail: "The customer has no such destination of this method",
  },
  destination_required: {
    code: "validation",
    pointer: "/destination_id",
    detail: "A bank and a wallet need one of the customer's destinations",
  },
  payment_request_provider: {
    code: "validation",
    pointer: "/provider",
    detail: "Goes with a payment to a bank alone, and may not be the name of another account of the house",
  },
  provider_ref_required: {
    code: "validation",
    pointer: "/provider_ref",
    detail: "The payment is on its way: the reference says that it has arrived",
  },
  destinations_customer_fk: {
    code: "reference_not_found",
    pointer: "/customer_id",
    detail: "There is no such customer",
  },
  destinations_wallet_fk: {
    code: "reference_not_found",
    pointer: "/bank_account_id",
    detail: "The customer has no such account, or it is closed or in another currency than the business's",
  },
  destinations_kind_ck: {
    code: "validation",
    detail: "Either bank_name, account_number and account_name, or bank_account_id alone",
  },
  destinations_number_ck: {
    code: "validation",
    pointer: "/account_number",
    detail: "4 to 34 letters and digits",
  },
  destinations_account_uq: {
    code: "already_exists",
    pointer: "/account_number",
    detail: "The customer has this destination",
  },
  destinations_wallet_uq: {
    code: "already_exists",
    pointer: "/bank_account_id",
    detail: "The customer has this destination",
  },
  destination_in_use: { code: "in_use", detail: "A payment to it is under way" },
  commission_agent: {
    code: "reference_not_found",
    pointer: "/agent_id",
    detail: "There is no such member",
  },
  nothing_earned: { code: "nothing_to_pay", detail: "Nothing is earned until then that was not paid out" },
  expenses_maker_checker: { code: "maker_checker" },
  savings_role: { code: "forbidden", detail: "Somebody else makes this move" },
  expense_category: {
    code: "validation",
    pointer: "/category",
    detail: "Not among the categories of the business (setting savings.expense_categories)",
  },
  expense_spent_on: { code: "validation", pointer: "/spent_on", detail: "Is a day that is to come" },
  expense_receipt: {
    code: "reference_not_found",
    pointer: "/file_id",
    detail: "There is no such file of yours, or it belongs to another record",
  },
  expenses_unit_fk: { code: "reference_not_found", pointer: "/unit_id", detail: "There is no such unit" },
};
