import { customerOf, type Kyc, kycOf, ownersOf } from "./accounts.ts";
import { type Business, customerSince } from "./business.ts";
import { dayText, instantText, localDay } from "./local-time.ts";
import type { Rows } from "./rows.ts";

const hour_ms = 3_600_000;
const day_ms = 24 * hour_ms;
const rowsAtOnce = 2_000;

/** What compliance knows of a customer. */
export type Profile = Kyc &
  Readonly<{
    customer: number;
    customer_id: string;
    /** When the documents came, and when they were decided on; null: they were not yet. */
    sent_ms: number;
    reviewed_ms: number | null;
  }>;

/** The profiles of everybody who has an account. */
export function* profilesOf(business: Business): Generator<Profile> {
  const { plan, customers } = business;
  const { accounts } = plan.bank;
  for (let owner = 0; owner < ownersOf(accounts); owner++) {
    const kyc = kycOf(owner, accounts);
    const customer = customerOf(owner, business);
    const isDecided = kyc.status === "approved" || kyc.status === "expired";
    const since_ms = customerSince(plan, customer);
    // what waits for compliance has not waited for long
    const sent_ms = isDecided
      ? since_ms
      : Math.max(since_ms, plan.until_ms - ((owner % 5) + 1) * 7 * hour_ms);
    const isReviewed = isDecided || kyc.status === "rejected";
    const reviewed_ms = isReviewed ? Math.floor(Math.min(plan.until_ms, sent_ms + 2 * hour_ms)) : null;
    yield { ...kyc, customer, customer_id: customers[customer] ?? "", sent_ms, reviewed_ms };
  }
}

/** Writes the KYC profiles of a business, and yields now and then. */
export function* writeKyc(rows: Rows, business: Business): Generator<number> {
  const { id: business_id, plan, people } = business;
  const reviewer = people.get("compliance")?.user_id ?? null;
  const today = localDay(plan.until_ms, plan.timezone);
  let written = 0;
  for (const { status, level, customer, customer_id, sent_ms, reviewed_ms } of profilesOf(business)) {
    const at = instantText(customerSince(plan, customer));
    const reviewed = reviewed_ms === null ? null : instantText(reviewed_ms);
    const isWaiting = status === "pending" || status === "in_review";
    rows.add("bank.kyc_profiles", [
      business_id,
      customer_id,
      status,
      level,
      level === 3 ? "high" : customer % 4 === 1 ? "medium" : "low",
      level === 3,
      isWaiting ? instantText(sent_ms) : null,
      reviewed === null ? null : reviewer,
      reviewed,
      status === "rejected" ? "The name on the document is another one" : null,
      // years from now, so that they stay approved as long as a database of the seed is looked at
      status === "approved"
        ? dayText(today + 400 + (customer % 700))
        : status === "expired"
          ? dayText(today - 9)
          : null,
      at,
      status === "expired" ? instantText(plan.until_ms - 8 * day_ms) : (reviewed ?? instantText(sent_ms)),
      null,
      reviewer,
    ]);
    if (++written % rowsAtOnce === 0) yield 0;
  }
}
