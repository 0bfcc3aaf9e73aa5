import { rmSync } from "node:fs";
import { getAllocations, getMonth, getMonthlyBudget } from "../../src/budget/statements.ts";
import { laneSettings } from "../../src/platform/db/settings.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeBudget } from "../helpers/budget.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";
import { openAs } from "../sql/open-as.ts";
import { median } from "./bench.ts";

const categories = 36;
const months = 36;
const transactions = 200_000;
const last_month = "2026-12-01";
const rounds = 201;
/** What the issue of budgets asks for. */
const miss_limit_ms = 10;
const hit_limit_ms = 1;

/**
 * `GET /allocations` of a budget of 36 categories, 36 months and 200,000 transactions: time in the database on a miss, beside
 * the other views and the month, and time of the whole request, over HTTP, on a hit. Medians of one connection.
 *
 * @returns whether both limits hold
 */
export async function measureAllocations(): Promise<boolean> {
  const folder = makeTestFolder();
  const server = await startTestPostgres(folder);
  process.env["TEST_DATABASE_URL"] = server.url;
  const api = await startTestApp();
  try {
    const budget_id = await fill(api);
    const miss_ms = await measureMisses(api, budget_id);
    const hit_ms = await measureHits(api);
    console.log(
      `allocations: miss ${miss_ms.toFixed(2)} ms (limit ${miss_limit_ms}), hit ${hit_ms.toFixed(2)} ms (limit ${hit_limit_ms})`,
    );
    return miss_ms <= miss_limit_ms && hit_ms <= hit_limit_ms;
  } finally {
    await api.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill({ sql, alpha }: TestApp): Promise<string> {
  const { id } = await makeBudget(sql, alpha, alpha.people.owner, { first_month: "2024-01" });
  await sql.unsafe(`set app.import = 'on';
    insert into budget.categories (business_id, budget_id, group_id, name, rollover)
    select g.business_id, g.budget_id, g.id, 'C' || n, (enum_range(null::budget.rollover))[1 + n % 4]
    from budget.category_groups g, generate_series(1, ${categories / 6 - 1}) n where g.budget_id = '${id}' and not g.is_income;
    insert into budget.allocations (business_id, budget_id, category_id, month, planned)
    select c.business_id, c.budget_id, c.id, '2024-01-01'::date + make_interval(months => m), 1000 + m
    from budget.categories c join budget.category_groups g on g.id = c.group_id and not g.is_income,
      generate_series(0, ${months - 1}) m where c.budget_id = '${id}';
    insert into budget.transactions (business_id, budget_id, category_id, amount, occurred_on)
    select c.business_id, c.budget_id, c.id, case when c.name = 'income' then 900 else -100 - n % 300 end,
      '2024-01-01'::date + n % ${Math.floor(months * 30.4)}
    from (select array_agg(c order by c.id) as all from budget.categories c where c.budget_id = '${id}') l,
      generate_series(1, ${transactions}) n, lateral (select (l.all[1 + n % ${categories + 1}]).*) c;
    reset app.import;`);
  await sql.unsafe("vacuum analyze");
  const [row] =
    await sql`select count(*)::int as months, sum(tx_count)::int as transactions from budget.category_months`;
  console.log(`${row.transactions} transactions in ${row.months} months of categories`);
  return id;
}

/** Execution as PostgreSQL measures it, of the prepared statement with the settings of its lane. */
async function measureMisses(api: TestApp, budget_id: string): Promise<number> {
  const { alpha } = api;
  const lanes = laneSettings({ fast_max: 1, write_max: 1, report_max: 1, queue_max: 1, replica: "load" });
  const sql = openAs(api.database_url, lanes.fast.connection);
  const owned = `'${alpha.id}', '${alpha.people.owner.user_id}', '${budget_id}', '${last_month}'`;
  const views = [
    ["allocations", getAllocations.text, `'${alpha.id}', '${budget_id}', '${last_month}', 'NGN'`],
    ["monthly_budget", getMonthlyBudget.text, `'${alpha.id}', '${budget_id}', '${last_month}'`],
    ["month", getMonth.text, owned],
  ] as const;
  const medians: number[] = [];
  for (const [name, text, values] of views) {
    await sql.unsafe(`prepare ${name} as ${text}`);
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const rows: Record<string, string>[] = await sql.unsafe(
        `explain (analyze, timing off, buffers) execute ${name}(${values})`,
      );
      const plan = rows.map((row) => row["QUERY PLAN"] ?? "");
      const read = (what: string) =>
        Number(
          new RegExp(`^ *${what} Time: ([\\d.]+)`).exec(
            plan.find((line) => line.includes(`${what} Time`)) ?? "",
          )?.[1] ?? NaN,
        );
      times.push(read("Execution"));
      if (round === rounds - 1)
        console.log(
          `${name}: ${plan.find((line) => line.includes("Buffers"))?.trim()}, planning ${read("Planning")} ms`,
        );
    }
    medians.push(median(times));
    console.log(`${name}: ${median(times).toFixed(2)} ms in the database`);
  }
  await sql.close();
  return medians[0] ?? Number.NaN;
}

async function measureHits(api: TestApp): Promise<number> {
  const headers = { authorization: `Bearer ${await api.token(api.alpha.people.owner)}` };
  const times: number[] = [];
  for (let round = 0; round < rounds + 20; round += 1) {
    const started_ms = performance.now();
    const response = await fetch(`${api.url}/api/v1/allocations?year=2026&month=12`, { headers });
    await response.arrayBuffer();
    if (round < 20) continue;
    if (response.headers.get("x-cache") !== "HIT")
      throw new Error(`no hit: ${response.headers.get("cache-status")}`);
    times.push(performance.now() - started_ms);
  }
  return median(times);
}
