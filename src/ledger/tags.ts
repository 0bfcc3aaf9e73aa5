import { businessTags, type Tag } from "../platform/cache/index.ts";

// Ids come from paths and bodies too, in whatever case PostgreSQL takes them.
const small = (id: string): string => id.toLowerCase();

const accounts = businessTags("ledger_account");

/** The balance and the entries of one account of the ledger. */
export const ledgerAccountTag = (business_id: string, account_id: string): Tag =>
  accounts(small(business_id), small(account_id));
