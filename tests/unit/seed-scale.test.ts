import { expect, test } from "bun:test";
import { writeBusiness } from "../../src/seed/business.ts";
import { writeJobs } from "../../src/seed/jobs.ts";
import { writeMoney } from "../../src/seed/money.ts";
import { planScale } from "../../src/seed/plan.ts";
import { Rows } from "../../src/seed/rows.ts";

const until_ms = Date.UTC(2026, 10, 20, 14);
const isOpen = /\t(?:active|in_progress|on_hold)\t(?:low|normal|high|urgent)\t/;

/** What the largest shop of so many jobs has in hand, counted in the lines that a seed sends. */
function shopOf(jobs: number) {
  const [plan] = planScale({ scale: "10m", jobs, slow_jobs: 1_000, seed: 1, until_ms });
  if (plan === undefined) throw new RangeError("a scale without a business");
  const rows = new Rows();
  const months = new Set<string>();
  let open = 0;
  const business = writeBusiness(rows, plan, "hash");
  for (const _ of writeJobs(rows, business)) {
    const { text = "" } = rows.take().find(({ table }) => table === "shop.jobs") ?? {};
    for (const line of text.split("\n")) {
      if (isOpen.test(line)) open += 1;
      const created_at = line.split("\t").at(-4);
      if (created_at !== undefined) months.add(created_at.slice(0, 7));
    }
  }
  return { open, months: months.size, people: business.people.size, machines: plan.machines };
}

test("the shop of a scale has as much in hand, and as many people and machines, however much it has done", () => {
  const [small, large] = [shopOf(1_000), shopOf(20_000)];
  expect(small.open).toBeGreaterThan(10);
  // of twenty times as many jobs
  expect(large.open).toBeLessThan(small.open * 3);
  expect(large.open).toBeGreaterThan(small.open / 3);
  expect(large).toEqual({ ...small, open: large.open });
  expect(small.months).toBeGreaterThanOrEqual(36);
});

/** Balances that a seed would leave below what their accounts may go to: PostgreSQL refuses them. */
function overdrawn(seed: number, end_ms: number): string[] {
  const found: string[] = [];
  for (const plan of planScale({ scale: "10k", jobs: 6_000, seed, until_ms: end_ms })) {
    const rows = new Rows();
    const business = writeBusiness(rows, plan, "hash");
    for (const _ of writeMoney(rows, business));
    const { text = "" } = rows.take().find(({ table }) => table === "ledger.balances") ?? {};
    for (const line of text.split("\n").filter((one) => one !== "")) {
      const [, account = "", , side, debit, credit, pending_debit, pending_credit, overdraft] =
        line.split("\t");
      if (overdraft === "\\N") continue;
      const posted = Number(debit) - Number(credit);
      const available = side === "debit" ? posted - Number(pending_credit) : -posted - Number(pending_debit);
      if (available < -Number(overdraft)) found.push(`${account} has ${available}`);
    }
  }
  return found;
}

test("no account of a seed is overdrawn, at whatever hour it ends", () => {
  // An agent paid the fare from cash of which a part was then given back.
  expect(overdrawn(7, Date.UTC(2026, 10, 28, 13))).toEqual([]);
  for (let seed = 1; seed <= 4; seed += 1) {
    expect(overdrawn(seed, Date.UTC(2026, 10, 28 + seed, 7 * seed))).toEqual([]);
  }
}, 60_000);
