import { writeBudgets } from "../../src/seed/budgets.ts";
import { writeBusiness } from "../../src/seed/business.ts";
import { writeJobs } from "../../src/seed/jobs.ts";
import { writeMoney } from "../../src/seed/money.ts";
import { planScale, type Scale } from "../../src/seed/plan.ts";
import { Rows, type TableName } from "../../src/seed/rows.ts";

/** Every row of a plan, as one hash for each table. */
export function checksums(options: {
  scale: Scale;
  jobs: number;
  seed: number;
  until_ms: number;
}): Map<TableName, string> {
  const hashes = new Map<TableName, Bun.CryptoHasher>();
  const rows = new Rows();
  const take = () => {
    for (const { table, text } of rows.take()) {
      const hash = hashes.get(table) ?? new Bun.CryptoHasher("sha256");
      hashes.set(table, hash.update(text));
    }
  };
  for (const plan of planScale(options)) {
    const business = writeBusiness(rows, plan, "hash");
    for (const write of [writeJobs, writeMoney, writeBudgets]) for (const _ of write(rows, business)) take();
  }
  take();
  return new Map([...hashes].map(([table, hash]) => [table, hash.digest("hex")]));
}
