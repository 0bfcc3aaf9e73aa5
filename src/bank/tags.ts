import { businessTags, type Tag } from "../platform/cache/index.ts";
import { ledgerAccountTag } from "../ledger/tags.ts";

// What a change in the bank makes wrong. Ids come from paths and bodies too, in whatever case PostgreSQL takes them.
const small = (id: string): string => id.toLowerCase();

const accounts = businessTags("bank_accounts");
const transfers = businessTags("bank_transfers");
const overview = businessTags("bank_overview");
const wires = businessTags("bank_wires");
const beneficiaries = businessTags("bank_beneficiaries");
const kyc = businessTags("bank_kyc");
const statements = businessTags("bank_statement");

/** Any account of a business: lists. */
export const accountsTag = (business_id: string): Tag => accounts(small(business_id));
/** One account, without its money. */
export const accountTag = (business_id: string, account_id: string): Tag =>
  accounts(small(business_id), small(account_id));
/** Any movement of money of a business: lists. */
export const transfersTag = (business_id: string): Tag => transfers(small(business_id));
/** The figures of the overviews. */
export const overviewTag = (business_id: string): Tag => overview(small(business_id));
/** Any wire: lists, queues, counts. */
export const wiresTag = (business_id: string): Tag => wires(small(business_id));
/** Any beneficiary. */
export const beneficiariesTag = (business_id: string): Tag => beneficiaries(small(business_id));
/** What is known of who a customer is. */
export const kycTag = (business_id: string, customer_id: string): Tag =>
  kyc(small(business_id), small(customer_id));
/** Any statement of account: lists. */
export const statementsTag = (business_id: string): Tag => statements(small(business_id));
/** One statement of account. */
export const statementTag = (business_id: string, statement_id: string): Tag =>
  statements(small(business_id), small(statement_id));

/** What a movement of money makes wrong: `account_ids` are the accounts that it touches; null is the house. */
export const moneyTags = (business_id: string, account_ids: readonly (string | null)[]): Tag[] => [
  ...account_ids.filter((id) => id !== null).map((id) => ledgerAccountTag(business_id, id)),
  transfersTag(business_id),
  overviewTag(business_id),
];
