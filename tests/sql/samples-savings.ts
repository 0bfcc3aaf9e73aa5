import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";
import { ofSavingsAccounts } from "./samples-savings-accounts.ts";
import { ofSavingsCash } from "./samples-savings-cash.ts";
import { ofSavingsCollecting } from "./samples-savings-collecting.ts";
import { ofSavingsFigures } from "./samples-savings-figures.ts";
import { ofSavingsOnline } from "./samples-savings-online.ts";
import { ofSavingsPayments } from "./samples-savings-payments.ts";

/** Statements of savings. */
export const ofSavings = (rows: Populated): Samples["statements"] => ({
  ...ofSavingsAccounts(rows),
  ...ofSavingsCash(rows),
  ...ofSavingsCollecting(rows),
  ...ofSavingsFigures(rows),
  ...ofSavingsOnline(),
  ...ofSavingsPayments(rows),
});
