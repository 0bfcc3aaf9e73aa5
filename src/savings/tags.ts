import { businessTags, type Tag } from "../platform/cache/index.ts";
import { ledgerAccountTag } from "../ledger/tags.ts";

// What a change in savings makes wrong. Ids come from paths and bodies too, in whatever case PostgreSQL takes them.
const small = (id: string): string => id.toLowerCase();

const products = businessTags("savings_products");
const accounts = businessTags("savings_accounts");
const account = businessTags("savings_account");
const collections = businessTags("savings_collections");
const remittances = businessTags("savings_remittances");
const requests = businessTags("savings_payment_requests");
const destinations = businessTags("savings_destinations");
const commissions = businessTags("savings_commissions");
const expenses = businessTags("savings_expenses");

/** Any product: lists and one. */
export const productsTag = (business_id: string): Tag => products(small(business_id));
/** Any savings account of a business: lists, sheets, figures. */
export const savingsAccountsTag = (business_id: string): Tag => accounts(small(business_id));
/** One savings account with its markings. */
export const savingsAccountTag = (business_id: string, savings_account_id: string): Tag =>
  account(small(business_id), small(savings_account_id));
/** Any collection. */
export const collectionsTag = (business_id: string): Tag => collections(small(business_id));
/** Any remittance. */
export const remittancesTag = (business_id: string): Tag => remittances(small(business_id));
/** Any payment request. */
export const paymentRequestsTag = (business_id: string): Tag => requests(small(business_id));
/** Any destination of payments. */
export const destinationsTag = (business_id: string): Tag => destinations(small(business_id));
/** Any commission. */
export const commissionsTag = (business_id: string): Tag => commissions(small(business_id));
/** Any expense. */
export const expensesTag = (business_id: string): Tag => expenses(small(business_id));

/**
 * What a visit, its confirmation or its reversal makes wrong: the accounts, what was collected, and what the agent has to
 * hand over. `ledger_account_ids`: others whose balance moves, where they are known.
 */
export const markingTags = (
  business_id: string,
  savings_account_ids: readonly string[],
  ledger_account_ids: readonly string[] = [],
): Tag[] => [
  savingsAccountsTag(business_id),
  collectionsTag(business_id),
  remittancesTag(business_id),
  ...savings_account_ids.flatMap((id) => [
    savingsAccountTag(business_id, id),
    ledgerAccountTag(business_id, id),
  ]),
  ...ledger_account_ids.map((id) => ledgerAccountTag(business_id, id)),
];

/** What asking for a payment, and every decision about it, makes wrong. */
export const paymentTags = (business_id: string, savings_account_id: string): Tag[] => [
  paymentRequestsTag(business_id),
  savingsAccountsTag(business_id),
  savingsAccountTag(business_id, savings_account_id),
  commissionsTag(business_id),
  ledgerAccountTag(business_id, savings_account_id),
];

// Money that comes to an account of the bank. The kinds are those of src/bank/tags.ts: modules do not import each other, and
// a test holds the two to one another.
const bankAccounts = businessTags("bank_accounts");
const bankTransfers = businessTags("bank_transfers");
const bankOverview = businessTags("bank_overview");

/** What a payment into an account of the bank makes wrong: its money, and its state if it was dormant. */
export const walletTags = (business_id: string, account_id: string): Tag[] => [
  ledgerAccountTag(business_id, account_id),
  bankTransfers(small(business_id)),
  bankOverview(small(business_id)),
  bankAccounts(small(business_id)),
  bankAccounts(small(business_id), small(account_id)),
];
