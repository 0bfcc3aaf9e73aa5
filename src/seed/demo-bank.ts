import { createFileStorage, storageKey } from "../core/file-storage.ts";
import type { Business } from "./business.ts";
import { idAt } from "./ids.ts";
import { type Profile, profilesOf } from "./kyc.ts";
import { dayText, instantText, localDay } from "./local-time.ts";
import { type BankPlan, wireRules } from "./plan.ts";
import { Random } from "./random.ts";
import type { Rows } from "./rows.ts";
import { specimenPdf } from "./specimen.ts";

/** Amounts in kobo. Another seed than that of the shop: neither changes with the other. */
export const demoBank = (seed: number): BankPlan => ({
  accounts: 44,
  transfers: 480,
  days: 240,
  dormant_days: 90,
  interest_bps: 400,
  overdraft_bps: 1_800,
  foreign: { currency: "USD", rate: 1550.25, accounts: [6, 16] },
  // every state that there is
  wires: [
    { days_ago: 200, story: "waved" },
    { days_ago: 150, story: "reviewed", account: 0 },
    { days_ago: 120, story: "returned" },
    { days_ago: 90, story: "rejected" },
    { days_ago: 70, story: "reviewed", is_foreign: true },
    { days_ago: 40, story: "cancelled", account: 0 },
    { days_ago: 30, story: "held", is_watched: true },
    { days_ago: 12, story: "waved" },
    { days_ago: 4, story: "held", stays: "on_hold", is_watched: true },
    { days_ago: 3, story: "reviewed", stays: "submitted" },
    { days_ago: 2, story: "reviewed", stays: "approved" },
    { days_ago: 2, story: "reviewed", stays: "compliance_review" },
    { days_ago: 1, story: "reviewed", stays: "pending_approval" },
    { days_ago: 1, story: "waved", stays: "pending_approval", account: 0 },
  ],
  wire_share: 0,
  settings: {
    "bank.dormant_days": 90,
    "bank.fx_rates": { USD: "1550.25", EUR: "1790.4", GBP: "2081.75" },
    "bank.verification_threshold": wireRules.verification_threshold,
    "bank.wire_daily_limit": 2_000_000_000,
    "bank.wire_fee": wireRules.fee,
    "bank.wire_single_limit": 1_000_000_000,
  },
  random: new Random(seed, 1),
});

/** A file that a row of core.files speaks of. */
export type SeededFile = Readonly<{ key: string; bytes: Uint8Array }>;

/** Writes them where the server looks for them. */
export async function storeFiles(files_dir: string, files: readonly SeededFile[]): Promise<void> {
  const storage = createFileStorage(files_dir);
  await Promise.all(files.map(({ key, bytes }) => storage.write(key, bytes)));
}

type Document = Readonly<{ type: string; status: string; issued_ms: number; expires_day: number | null }>;

/** Writes the documents that the KYC levels of a business rest on, and those that wait. Returns their files. */
export function writeDocuments(rows: Rows, business: Business): SeededFile[] {
  const files: SeededFile[] = [];
  for (const profile of profilesOf(business)) {
    for (const document of documentsOf(profile, business)) {
      files.push(writeDocument(rows, business, { profile, document }));
    }
  }
  return files;
}

const day_ms = 86_400_000;
const identities = ["passport", "national_id", "drivers_license"] as const;

function documentsOf({ status, level, customer, sent_ms }: Profile, { plan }: Business): Document[] {
  const states = {
    approved: "approved",
    expired: "expired",
    rejected: "rejected",
    pending: "uploaded",
    in_review: "in_review",
  };
  const today = localDay(plan.until_ms, plan.timezone);
  const identity = {
    type: identities[customer % 3] ?? "passport",
    status: states[status],
    issued_ms: sent_ms - 500 * day_ms,
    expires_day: today + (status === "expired" ? -9 : 500 + (customer % 400)),
  };
  if (level < 2) return [identity];
  return [
    identity,
    { type: "utility_bill", status: "approved", issued_ms: sent_ms - 30 * day_ms, expires_day: null },
  ];
}

function writeDocument(
  rows: Rows,
  business: Business,
  { profile, document }: { profile: Profile; document: Document },
): SeededFile {
  const { id: business_id, plan, people } = business;
  const { customer, customer_id, sent_ms } = profile;
  const at_ms = Math.floor(sent_ms);
  const reviewed =
    document.status === "uploaded" || document.status === "in_review" ? null : profile.reviewed_ms;
  const reviewer = reviewed === null ? null : (people.get("compliance")?.user_id ?? null);
  const sender = people.get(customer === 0 ? "customer" : "compliance")?.user_id ?? null;
  const id = idAt(at_ms, plan.bank.random);
  const file_id = idAt(at_ms, plan.bank.random);
  const number = `C-${String(customer + 1).padStart(6, "0")}`;
  const bytes = specimenPdf([
    `SPECIMEN: ${document.type.replaceAll("_", " ")}`,
    `Customer ${number}`,
    dayOf(document.issued_ms),
  ]);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const key = storageKey({ business_id, id: file_id, sha256 });
  const at = instantText(at_ms);
  const reviewedAt = reviewed === null ? null : instantText(reviewed);
  rows.add("core.files", [
    business_id,
    file_id,
    sender,
    `\\\\x${sha256}`,
    bytes.length,
    "application/pdf",
    `${document.type}-${number}.pdf`,
    key,
    "kyc_document",
    id,
    "{compliance}",
    at,
    at,
    sender,
    sender,
  ]);
  rows.add("bank.kyc_documents", [
    business_id,
    id,
    customer_id,
    document.type,
    file_id,
    document.status,
    document.status === "approved",
    document.status === "rejected" ? "name_mismatch" : null,
    document.status === "rejected" ? "Please send one with the name of the account" : null,
    reviewer,
    reviewedAt,
    dayOf(document.issued_ms),
    document.expires_day === null ? null : dayText(document.expires_day),
    at,
    reviewedAt ?? at,
    sender,
    reviewer ?? sender,
  ]);
  return { key, bytes };
}

const dayOf = (at_ms: number): string => instantText(at_ms).slice(0, 10);
