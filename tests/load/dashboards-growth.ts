import type { Parameter } from "../../src/platform/db/statement.ts";
import {
  countJobsByMonth,
  countJobsByStatus,
  getDashboardStats,
  getMachineBoard,
  listActivity,
  listMachineQueue,
  listMyQueue,
  listRecentJobs,
} from "../../src/shop/statements.ts";
import naiveByMonth from "../sql/naive/count_jobs_by_month.sql" with { type: "text" };
import naiveByStatus from "../sql/naive/count_jobs_by_status.sql" with { type: "text" };
import naiveStats from "../sql/naive/get_dashboard_stats.sql" with { type: "text" };
import {
  type Cost,
  costOf,
  medianCost,
  readSizes,
  type ScaleName,
  type ShopSize,
  withShops,
} from "./shop-sizes.ts";

/** Goals P8 and P9, and what an answer may take at any size. */
const growth_limit = 1.3;
const naive_least = 200;
const limit_ms = 1.5;
const tries = 51;
const naive_tries = 3;

type Asked = Readonly<{ name: string; text: string; parameters: readonly string[] }>;
type Dashboard = Readonly<{
  lane: "fast" | "report";
  statement: Asked;
  /** The count of rows that it stands for. */
  naive?: string;
  /** Whether it has to take less than `limit_ms`. */
  is_quick?: true;
}>;

const dashboards: Readonly<Record<string, Dashboard>> = {
  stats: { lane: "fast", statement: getDashboardStats, naive: naiveStats, is_quick: true },
  "jobs-by-status": { lane: "fast", statement: countJobsByStatus, naive: naiveByStatus, is_quick: true },
  "jobs-by-month": { lane: "fast", statement: countJobsByMonth, naive: naiveByMonth, is_quick: true },
  "recent-jobs": { lane: "fast", statement: listRecentJobs },
  activity: { lane: "fast", statement: listActivity },
  board: { lane: "report", statement: getMachineBoard },
  "machine queue": { lane: "fast", statement: listMachineQueue },
  "my queue": { lane: "fast", statement: listMyQueue },
};

const valuesOf = ({ business_id, timezone, member_id, machine_id }: ShopSize): Record<string, Parameter> => ({
  business_id,
  timezone,
  member_id,
  machine_id,
  role: null,
  months: 12,
  days: 7,
  limit_rows: 10,
  after: null,
});

/**
 * What the dashboards of the shop cost on a miss, in the database, as jobs pile up: time and blocks at each size, and beside
 * the count of rows that they replace, whose answer is compared to the last digit. Prints a table.
 *
 * @param options.sizes two or more of 10k, 100k, 1m, 10m; with 10m it takes half an hour and 25 GB
 * @param options.folder see `withShops`
 * @returns whether growth, limits and the distance to the naive counts hold
 */
export function measureDashboardsGrowth(options: { sizes?: string; folder?: string }): Promise<boolean> {
  const names = readSizes(options.sizes ?? "10k,1m");
  return withShops(names, options.folder, (filled) => measure(names, filled));
}

async function measure(names: readonly ScaleName[], filled: readonly ShopSize[]): Promise<boolean> {
  const wrong: string[] = [];
  for (const [name, dashboard] of Object.entries(dashboards)) {
    const costs: Cost[] = [];
    for (const size of filled) costs.push(await costAt(size, dashboard));
    const naive = await naiveAt(filled.at(-1), dashboard);
    // What a count of rows costs is promised of ten million.
    const far = names.at(-1) === "10m" ? (naive?.cost ?? null) : null;
    wrong.push(...judge(name, dashboard, costs, far));
    if (naive?.is_same === false) wrong.push(`${name}: the count of rows says otherwise`);
    const cells = costs.map(({ ms, blocks }, at) => `${names[at]} ${ms.toFixed(2)} ms, ${blocks} blocks`);
    const least =
      naive === null ? "" : `; naive ${naive.cost.ms.toFixed(0)} ms, ${timesOf(naive.cost, costs)} ×`;
    console.log(`${name}: ${cells.join("; ")}; growth ${growthOf(costs).toFixed(2)}${least}`);
  }
  for (const line of wrong) console.log(`MISSED ${line}`);
  return wrong.length === 0;
}

const costAt = (size: ShopSize, { lane, statement }: Dashboard): Promise<Cost> =>
  medianCost(tries, () => costOf(size, lane, statement, valuesOf(size)));

/** What the count of rows costs at the largest size, and whether it answers the same. */
async function naiveAt(
  size: ShopSize | undefined,
  { naive, statement }: Dashboard,
): Promise<{ cost: Cost; is_same: boolean } | null> {
  if (naive === undefined || size === undefined) return null;
  const asked = { ...statement, text: naive, name: `naive/${statement.name}` };
  const cost = await medianCost(naive_tries, () => costOf(size, "report", asked, valuesOf(size)));
  const given = statement.parameters.map((parameter) => valuesOf(size)[parameter]);
  const bodies = await Promise.all(
    [statement.text, naive].map(async (text) => {
      const [row] = await size.sql.unsafe(text, given as never[]);
      return (row as { body: string }).body.replace(/"as_of" ?: ?"[^"]*"/, "");
    }),
  );
  return {
    cost,
    is_same: Bun.deepEquals(...(bodies.map((body) => JSON.parse(fixed(body))) as [unknown, unknown])),
  };
}

/** Without its instant a body of figures begins with a comma. */
const fixed = (body: string): string => body.replace(/^\{\s*,/, "{");

const growthOf = (costs: readonly Cost[]): number => (costs.at(-1)?.ms ?? 0) / (costs[0]?.ms ?? 1);
const timesOf = (naive: Cost, costs: readonly Cost[]): string =>
  Math.round(naive.ms / (costs.at(-1)?.ms ?? 1)).toLocaleString("en-US");

function judge(name: string, { is_quick }: Dashboard, costs: readonly Cost[], naive: Cost | null): string[] {
  const [growth, last] = [growthOf(costs), costs.at(-1)?.ms ?? 0];
  return [
    ...(growth > growth_limit ? [`${name}: ${growth.toFixed(2)} times as long (limit ${growth_limit})`] : []),
    ...(is_quick && last > limit_ms ? [`${name}: ${last.toFixed(2)} ms (limit ${limit_ms})`] : []),
    ...(naive !== null && naive.ms < naive_least * last
      ? [
          `${name}: the naive count takes only ${(naive.ms / last).toFixed(0)} times as long (least ${naive_least})`,
        ]
      : []),
  ];
}
