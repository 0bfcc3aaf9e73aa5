import { type DatabaseError, DatabaseUnavailable } from "../platform/db/errors.ts";
import { Problem, type ProblemCode, problems } from "./problem.ts";
import type { Refusal } from "./refusal.ts";
import { budgetRefusals } from "./refusals-budget.ts";
import { savingsRefusals } from "./refusals-savings.ts";
import { shopRefusals } from "./refusals-shop.ts";
import { stepUpChallenge } from "./tokens.ts";

/**
 * Names of constraints (and of refusals raised by SQL functions) → problem code and, where one member is to blame, its
 * pointer. The only place where the database's vocabulary meets the API's.
 */
export const refusals: Readonly<Record<string, Refusal>> = {
  ...savingsRefusals,
  ...shopRefusals,
  ...budgetRefusals,
  idempotency_in_progress: { code: "idempotency_in_progress" },
  idempotency_mismatch: { code: "idempotency_mismatch" },
  users_username_uq: { code: "already_exists", pointer: "/username", detail: "Somebody has this username" },
  users_phone_uq: { code: "already_exists", pointer: "/phone", detail: "Somebody has this phone number" },
  users_email_uq: { code: "already_exists", pointer: "/email", detail: "Somebody has this e-mail address" },
  users_username_ck: {
    code: "validation",
    pointer: "/username",
    detail: "3 to 64 letters, digits, dots, dashes or underscores, a letter or digit first",
  },
  users_timezone_ck: {
    code: "validation",
    pointer: "/timezone",
    detail: "Not a time zone of the IANA database",
  },
  too_many_pictures: {
    code: "rate_limited",
    detail: "Ten pictures in a day at most",
    // By then there is room again for certain.
    headers: { "retry-after": "86400" },
  },
  users_avatar_file: {
    code: "reference_not_found",
    pointer: "/avatar_file_id",
    detail: "No image that you uploaded in this business",
  },
  businesses_currency_fk: { code: "validation", pointer: "/currency", detail: "There is no such currency" },
  businesses_timezone_ck: {
    code: "validation",
    pointer: "/timezone",
    detail: "Not a time zone of the IANA database",
  },
  customers_code_uq: { code: "already_exists", pointer: "/code", detail: "Another customer has this code" },
  customers_unit_fk: { code: "reference_not_found", pointer: "/unit_id", detail: "There is no such unit" },
  customers_email_ck: { code: "validation", pointer: "/email", detail: "Not an e-mail address" },
  units_name_uq: { code: "already_exists", pointer: "/name", detail: "There is a unit of this name" },
  memberships_user_uq: { code: "already_exists", detail: "This person is a member already" },
  memberships_unit_fk: { code: "reference_not_found", pointer: "/unit_id", detail: "There is no such unit" },
  memberships_parent_fk: {
    code: "reference_not_found",
    pointer: "/parent_member_id",
    detail: "There is no such member",
  },
  memberships_parent_ck: {
    code: "validation",
    pointer: "/parent_member_id",
    detail: "A sub-agent has an agent above them, nobody else has",
  },
  memberships_own_parent_ck: {
    code: "validation",
    pointer: "/parent_member_id",
    detail: "Nobody is their own agent",
  },
  memberships_parent_role: {
    code: "reference_not_found",
    pointer: "/parent_member_id",
    detail: "There is no such agent",
  },
  memberships_sub_agents: {
    code: "in_use",
    detail: "The agent has sub-agents: give them another agent first",
  },
  last_owner: { code: "last_owner" },
  // The age that core.require_step_up takes when it is told none.
  step_up_required: { code: "step_up_required", headers: stepUpChallenge(300) },
  insufficient_funds: { code: "insufficient_funds" },
  limit_exceeded: { code: "limit_exceeded", tells: true },
  balance_ceiling: { code: "balance_ceiling" },
  account_not_open: { code: "account_not_open" },
  account_not_found: { code: "account_not_found" },
  reference_exists: { code: "reference_exists" },
  already_reversed: { code: "already_reversed" },
  not_reversible: { code: "not_reversible" },
  already_resolved: { code: "already_resolved" },
  not_pending: { code: "not_pending" },
  pending_expired: { code: "pending_expired" },
  unbalanced: { code: "unbalanced" },
  partial_amount: { code: "partial_amount" },
  account_owned: { code: "account_owned" },
  ledger_accounts_code_uq: {
    code: "already_exists",
    pointer: "/code",
    detail: "There is an account of this code",
  },
  ledger_accounts_currency_fk: {
    code: "reference_not_found",
    pointer: "/currency",
    detail: "There is no such currency",
  },
  transaction_not_found: { code: "not_found" },
  statements_account_fk: {
    code: "reference_not_found",
    pointer: "/account_id",
    detail: "There is no such account",
  },
  statements_period_uq: {
    code: "already_exists",
    detail: "There is a statement of the account for this period",
  },
  statements_period_ck: {
    code: "validation",
    pointer: "/to",
    detail: "A period ends when it begins or later, and is a year at most",
  },
  statement_period_open: {
    code: "validation",
    pointer: "/to",
    detail: "The period is not over: its last day must lie before today",
  },
  statement_entries: {
    code: "validation",
    pointer: "/from",
    detail: "The period has over 500,000 entries: choose a shorter one",
  },
  batch_refused: { code: "batch_refused", tells: true },
  beneficiaries_account_uq: {
    code: "already_exists",
    pointer: "/iban_or_account",
    detail: "The customer has a beneficiary with this account",
  },
  beneficiaries_iban_ck: {
    code: "validation",
    pointer: "/iban_or_account",
    detail: "Begins as an IBAN does, but its length or its check digits are wrong",
  },
  beneficiaries_account_ck: {
    code: "validation",
    pointer: "/iban_or_account",
    detail: "4 to 34 letters and digits",
  },
  watchlist_name_uq: { code: "already_exists", pointer: "/name", detail: "It is watched for already" },
  wire_account: {
    code: "reference_not_found",
    pointer: "/account_id",
    detail: "There is no such account",
  },
  wire_beneficiary: {
    code: "reference_not_found",
    pointer: "/beneficiary_id",
    detail: "The customer has no such beneficiary",
  },
  kyc_required: { code: "kyc_required" },
  no_fx_rate: { code: "no_fx_rate" },
  amount_range: {
    code: "validation",
    pointer: "/amount",
    detail: "Nothing, or too much, in the currency of the account",
  },
  illegal_transition: { code: "illegal_transition", tells: true },
  stale_version: { code: "precondition_failed" },
  wire_role: { code: "forbidden", detail: "Somebody else makes this move" },
  maker_checker: { code: "maker_checker" },
  wire_transfers_network_ref_uq: {
    code: "already_exists",
    pointer: "/network_ref",
    detail: "Another wire has this reference",
  },
  kyc_incomplete: { code: "kyc_incomplete" },
  kyc_document_outdated: { code: "kyc_document_outdated" },
  kyc_document_issued_later: {
    code: "validation",
    pointer: "/issued_on",
    detail: "Is a day that is to come",
  },
  kyc_document_too_old: {
    code: "validation",
    pointer: "/issued_on",
    detail: "A document of an address is taken for 90 days from its issue",
  },
  kyc_document_expired: { code: "validation", pointer: "/expires_on", detail: "The document has expired" },
  kyc_profile_expires_on: {
    code: "validation",
    pointer: "/expires_on",
    detail: "An approval needs a last day, later than today",
  },
  account_not_empty: { code: "account_not_empty" },
  accounts_customer_fk: {
    code: "reference_not_found",
    pointer: "/customer_id",
    detail: "There is no such customer, or it is archived",
  },
  accounts_currency_fk: {
    code: "validation",
    pointer: "/currency",
    detail: "Not known, or the business has no rate for it (setting bank.fx_rates)",
  },
  accounts_daily_limit_level: {
    code: "validation",
    pointer: "/daily_limit",
    detail: "More than the KYC level of the customer allows",
  },
  accounts_monthly_limit_level: {
    code: "validation",
    pointer: "/monthly_limit",
    detail: "More than the KYC level of the customer allows",
  },
  accounts_monthly_limit_ck: {
    code: "validation",
    pointer: "/monthly_limit",
    detail: "At least the daily limit",
  },
};

/**
 * What the catalogue says of these refusals, as JSON by their names, for problem documents that are made in the database:
 * `{code, status, title, detail, pointer?}`.
 */
export const refusalDocuments = (names: readonly string[]): string =>
  JSON.stringify(
    Object.fromEntries(
      names.map((name) => {
        const { code, pointer, detail: own } = refusals[name] ?? { code: "internal" as const };
        const [status, title, detail] = problems[code];
        return [name, { code, status, title, detail: own ?? detail, pointer }];
      }),
    ),
  );

const byState: Readonly<Record<string, ProblemCode>> = {
  "23505": "already_exists",
  "23503": "reference_not_found",
  "23514": "validation",
  "23502": "validation",
  "22001": "validation",
  "22003": "validation",
  "22007": "validation",
  "22008": "validation",
  "22009": "validation",
  "22021": "validation",
  "22P02": "validation",
  "22P05": "validation",
};

/** A schema, a table or a function that is not there. */
const unmigrated: ReadonlySet<string> = new Set(["3F000", "42P01", "42883"]);

/** PostgreSQL does not say which member it was. */
const unstorable =
  "A value cannot be stored: text may hold neither U+0000 nor half of a surrogate pair, numbers and dates must be in range";

/** What a failure of the database means to the client; anything unexpected is our bug (`internal`). */
export function refusalOf(error: DatabaseError | DatabaseUnavailable): Problem {
  if (error instanceof DatabaseUnavailable) {
    const code =
      error.reason === "overloaded" || error.reason === "deadline" ? "overloaded" : "database_unavailable";
    return new Problem(code, { headers: { "retry-after": String(error.retry_after_s) }, cause: error });
  }
  // Nobody has migrated it yet: `/readyz` says so, and whoever asks regardless may come back.
  if (unmigrated.has(error.sqlstate))
    return new Problem("database_unavailable", { headers: { "retry-after": "1" }, cause: error });
  const known = error.constraint === null ? undefined : refusals[error.constraint];
  if (known !== undefined) {
    const errors =
      known.pointer === undefined ? [] : [{ pointer: known.pointer, detail: known.detail ?? "refused" }];
    const { detail, headers = {} } = known;
    const extra = known.tells === true && error.detail !== null ? toldBy(error.detail) : {};
    return new Problem(known.code, { detail, errors, headers, extra, cause: error });
  }
  const code = byState[error.sqlstate] ?? "internal";
  return new Problem(code, { detail: code === "validation" ? unstorable : undefined, cause: error });
}

function toldBy(detail: string): Record<string, unknown> {
  return detail === "" ? {} : (JSON.parse(detail) as Record<string, unknown>);
}
