import type { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { laneSettings } from "../../src/platform/db/settings.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { explain, type Explained } from "./explain.ts";
import { populate } from "./populate.ts";
import { budgetGrowing } from "./populate-budget.ts";
import { chatGrowing } from "./populate-chat.ts";
import { savingsGrowing } from "./populate-savings.ts";
import { samples, type Samples } from "./samples.ts";
import { openAs } from "./open-as.ts";
import { readStatementFiles } from "./statement-files.ts";

/** Tables that grow with use, without bound. What is not here stays small in every business. */
const growing = new Set(
  (
    "core.users core.memberships core.customers core.sessions core.refresh_tokens core.otp_challenges " +
    "core.idempotency_keys core.notifications core.files core.outbox core.audit_log core.counters shop.jobs shop.job_steps shop.open_steps shop.step_dependencies " +
    "ledger.transactions ledger.entries ledger.accounts ledger.balances bank.accounts bank.transfers bank.statements " +
    "bank.beneficiaries bank.wire_transfers bank.wire_transfer_events bank.kyc_profiles bank.kyc_documents " +
    "shop.time_logs shop.production_reports shop.job_revisions shop.step_notes " +
    `${savingsGrowing} ${budgetGrowing} ${chatGrowing}`
  ).split(" "),
);
/** With fewer rows a table, or a partition, is cheapest read as it lies: that says nothing. */
const rows_min = 5_000;
const isGrowing = (table: string): boolean =>
  (counts.get(table) ?? 0) >= rows_min &&
  growing.has(table.replace(/^core\.audit_log_\w+$/, "core.audit_log"));

const problems: string[] = [];
const files = readStatementFiles(join(import.meta.dir, "../../sql"), problems);
const costs: {
  statement: string;
  sample: number;
  buffers: string;
  execution_ms: string;
  planning_ms: string;
}[] = [];

let database: TestDatabase;
let sql: SQL;
let values: Samples;
/** Rows of each table and partition. */
let counts: Map<string, number>;

beforeAll(async () => {
  database = await createTestDatabase();
  values = samples(await populate(database.url));
  const lanes = laneSettings({
    fast_max: 1,
    write_max: 1,
    report_max: 1,
    queue_max: 1,
    replica: "test",
  });
  // Planned with its values, as on `report`; writes run here too, hence not read-only.
  sql = openAs(database.url, { ...lanes.report.connection, default_transaction_read_only: "off" });
  const tables: { name: string; rows: number }[] = await sql.unsafe(
    `select n.nspname || '.' || c.relname as name, c.reltuples::int as rows
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = $1`,
    ["r"],
  );
  counts = new Map(tables.map(({ name, rows }) => [name, rows]));
}, 240_000);
afterAll(async () => {
  await sql.close();
  await database.drop();
  console.table(costs.sort((left, right) => (Number(right.buffers) || 0) - (Number(left.buffers) || 0)));
});

const record = (statement: string, sample: number, explained: Explained): void => {
  const { buffers, execution_ms, planning_ms } = explained;
  costs.push({
    statement,
    sample,
    buffers: String(buffers ?? "planned only"),
    execution_ms: execution_ms?.toFixed(2) ?? "",
    planning_ms: planning_ms?.toFixed(2) ?? "",
  });
};

test("statement files can be read", () => {
  expect(problems).toEqual([]);
  expect(files.length).toBeGreaterThan(0);
});

test("every growing table has so many rows that reading all of them is the dearest way", () => {
  const all = [...counts].map(
    ([table, rows]) => [table.replace(/^(core\.audit_log)_\w+$/, "$1"), rows] as const,
  );
  const few = [...growing].filter(
    (table) => all.reduce((sum, [name, rows]) => sum + (name === table ? rows : 0), 0) < rows_min,
  );
  expect(few).toEqual([]);
});

describe("no statement reads a growing table from end to end, unless its header says why", () => {
  test.each(files.map((file) => [file.name, file] as const))(
    "%s",
    async (name, file) => {
      for (const [index, sample] of (values.statements[name] ?? [{}]).entries()) {
        const explained = await explain(sql, file, { ...values.names, ...sample });
        record(name, index, explained);
        const scanned = [...new Set(explained.scanned.filter(isGrowing))];
        if (file.scan === null) expect({ sample, scanned }).toEqual({ sample, scanned: [] });
      }
      // A busy machine is slow, and a query that is left behind would be waited for by the next.
    },
    60_000,
  );
});
