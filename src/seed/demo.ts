import type { Log } from "../platform/log.ts";
import { type Business, writeBusiness } from "./business.ts";
import { demoBank, type SeededFile, storeFiles, writeDocuments } from "./demo-bank.ts";
import { demoSavings } from "./demo-savings.ts";
import { writeBudgets } from "./budgets.ts";
import { trailStatement } from "./demo-trail.ts";
import { writeJobs } from "./jobs.ts";
import { writeMoney } from "./money.ts";
import { hashPassword } from "./password.ts";
import { allModules, type BusinessPlan } from "./plan.ts";
import { withConnection } from "./queries.ts";
import { Random } from "./random.ts";
import { type TableName, Rows, tableNames, tables } from "./rows.ts";

const hour_ms = 3_600_000;
const seedNumber = 2026;

/**
 * Makes the demo business DEMO with every module on, a user for each role (`owner@demo.test`, `sub_agent@demo.test`, …;
 * password `demo-countinghouse`), customers, machines, jobs, a bank, savings and budgets, in one transaction. `files_dir`: of the server. Does nothing when it is there.
 *
 * @returns whether it was made now
 * @throws {DatabaseError | DatabaseUnavailable} nothing was written
 */
export async function seedDemo(
  url: string,
  options: { files_dir: string; log?: Log | undefined; until_ms?: number | undefined },
): Promise<boolean> {
  return withConnection(url, async (query) => {
    if (await hasDemo(query)) return false;
    // held to the end of the connection: of two that start at the same moment one makes it, and the other sees it
    await query("select pg_advisory_lock(hashtextextended('countinghouse.seed_demo', 0))");
    if (await hasDemo(query)) return false;
    const until_ms = options.until_ms ?? Math.floor(Date.now() / hour_ms) * hour_ms;
    const { statements, files } = demoBusiness(until_ms, await hashPassword());
    // bytes before the rows that speak of them, as everywhere
    await storeFiles(options.files_dir, files);
    await query(statements);
    for (const table of tableNames) await query(`vacuum (analyze) ${table}`);
    options.log?.info({ business: "DEMO" }, "made the demo business");
    return true;
  });
}

type Query = (text: string) => Promise<Record<string, unknown>[]>;

async function hasDemo(query: Query): Promise<boolean> {
  const [found] = await query("select exists (select from core.businesses where code = 'DEMO') as demo");
  return found?.["demo"] === true;
}

/** All statements of the demo as one text, which PostgreSQL runs as one transaction, and the files that go with it. */
export function demoBusiness(
  until_ms: number,
  password_hash: string,
): { statements: string; files: readonly SeededFile[] } {
  const rows = new Rows();
  const business = writeBusiness(rows, demoPlan(until_ms), password_hash);
  for (const write of [writeJobs, writeMoney, writeBudgets]) for (const _ of write(rows, business));
  const files = writeDocuments(rows, business);
  writeSettings(rows, business);
  const inserts = rows.take().map(({ table, text }) => insertStatement(table, text));
  const statements = [
    "begin",
    "set local app.import = 'on'",
    ...inserts,
    trailStatement(business.id),
    "commit",
  ].join(";\n");
  return { statements, files };
}

function demoPlan(until_ms: number): BusinessPlan {
  return {
    code: "DEMO",
    name: "Harbour & Vale Works",
    timezone: "Africa/Lagos",
    currency: "NGN",
    login_domain: "demo.test",
    login_suffix: null,
    // no Nigerian number begins with a zero after the country code: nobody is reached by accident
    phone_prefix: "+2340000",
    modules: allModules,
    customers: 240,
    operators: 6,
    machines: 11,
    jobs: 480,
    days: 240,
    until_ms,
    steps: "all",
    details: "all",
    recent_days: 92,
    machine_states: ["down", "maintenance", "inactive", "active"],
    step_slots: 4,
    quick_share: 0,
    focus: 0.25,
    notices: true,
    random: new Random(seedNumber),
    bank: demoBank(seedNumber),
    savings: demoSavings(seedNumber),
    budget: { transactions: 1_200, main_share: 0.25, random: new Random(seedNumber, 3) },
  };
}

function writeSettings(rows: Rows, { id, stamps }: Business): void {
  const settings = {
    "shop.job_number": "JOB-{year}-{n:6}",
    "shop.parallel_work": false,
    "shop.over_production_bps": 500,
  };
  for (const [key, value] of Object.entries(settings)) {
    rows.add("core.settings", [id, key, JSON.stringify(value), ...stamps]);
  }
}

/** Turns rows in the format of COPY into one INSERT, whose literals take the types of their columns. */
function insertStatement(table: TableName, text: string): string {
  const values = text
    .trimEnd()
    .split("\n")
    .map((line) => `(${line.split("\t").map(literal).join(", ")})`);
  return `insert into ${table} (${tables[table].split(" ").join(", ")}) values\n${values.join(",\n")}`;
}

const literal = (field: string): string =>
  field === "\\N" ? "null" : `'${field.replaceAll("\\\\", "\\").replaceAll("'", "''")}'`;
