import type { Parameter } from "../../src/platform/db/statement.ts";
import { listJobs } from "../../src/shop/statements.ts";
import { type Cost, costOf, medianCost, readSizes, type ShopSize, withShops } from "./shop-sizes.ts";

/** Goal P11: blocks of a far page beside the first; time of a search beside the smaller size. */
const page_limit = 1.5;
const search_limit = 4;
const tries = 21;
const rows_a_page = 25;
const far_page = 50_000;
/** Jobs that every size has alike, for searches to find. */
const hits = 40;
/** As the service asks: a text with a digit that begins a job number is one (`src/shop/jobs.ts`). */
const searches = {
  "the beginning of a number": { q: "QZX-0", numbers_only: true, sort: "-job_number" },
  "a part of the title": { q: "lighthouse", numbers_only: false, sort: "-created_at" },
} as const;

const columns = {
  created_at: "created_at",
  due_on: "coalesce(due_on, 'infinity')",
  job_number: "job_number",
};
const sorts = ["-created_at", "due_on", "-job_number"] as const;

/**
 * Pages of jobs and searches in the database: blocks of page 50,000 (or of the last whole page of a smaller business) beside
 * page 1, in each order; and searches with the same hits at each size, by the beginning of a number and by a part of the title.
 *
 * @param options.sizes two or more of 10k, 100k, 1m, 10m
 * @param options.folder see `withShops`
 * @returns whether pages are as cheap wherever they are, and searches at any size
 */
export function measureJobPages(options: { sizes?: string; folder?: string }): Promise<boolean> {
  return withShops(readSizes(options.sizes ?? "100k,1m"), options.folder, async (filled) => {
    const [largest] = filled.slice(-1);
    const held = largest === undefined ? [] : await pages(largest);
    // Only now: they would be the first page, all in one block.
    for (const size of filled) await insertHits(size);
    held.push(...(await searched(filled)));
    for (const { sql, business_id } of filled)
      await sql`delete from shop.jobs where business_id = ${business_id} and job_number like 'QZX-%'`;
    return held.every(Boolean);
  });
}

async function insertHits({ sql, business_id }: ShopSize): Promise<void> {
  await sql`insert into shop.jobs (business_id, job_number, title)
    select ${business_id}, 'QZX-' || lpad(g::text, 4, '0'), 'Lamp of a lighthouse, number ' || g
    from generate_series(1, ${hits}::int) g`;
  await sql.unsafe("vacuum analyze shop.jobs").simple();
}

const pageOf = (size: ShopSize, values: Record<string, Parameter>): Promise<Cost> =>
  medianCost(tries, () => costOf(size, "report", listJobs, { ...valuesOf(size), ...values }));

async function pages(size: ShopSize): Promise<boolean[]> {
  const { sql, business_id, jobs } = size;
  const page = Math.min(far_page, Math.floor(jobs / rows_a_page) - 1);
  const held: boolean[] = [];
  for (const sort of sorts) {
    const name = sort.replace("-", "") as keyof typeof columns;
    const way = sort.startsWith("-") ? "desc" : "asc";
    const [key] = await sql.unsafe(
      `select json_build_array(${columns[name]}::text, id)::text as after from shop.jobs where business_id = $1
       order by ${columns[name]} ${way}, id ${way} offset $2 limit 1`,
      [business_id, (page - 1) * rows_a_page - 1],
    );
    const [first, far] = [
      await pageOf(size, { sort }),
      await pageOf(size, { sort, after: (key as { after: string }).after }),
    ];
    const ratio = far.blocks / first.blocks;
    console.log(
      `${sort} of ${jobs} jobs: page 1 ${told(first)}; page ${page} ${told(far)}; blocks ${ratio.toFixed(2)} (limit ${page_limit})`,
    );
    held.push(ratio <= page_limit);
  }
  return held;
}

async function searched(filled: readonly ShopSize[]): Promise<boolean[]> {
  const held: boolean[] = [];
  for (const [what, search] of Object.entries(searches)) {
    const costs: Cost[] = [];
    for (const size of filled) costs.push(await pageOf(size, { ...search, limit_rows: hits }));
    const ratio = (costs.at(-1)?.ms ?? 0) / (costs[0]?.ms ?? 1);
    const cells = costs.map((cost, at) => `${filled[at]?.jobs} jobs ${told(cost)}`);
    console.log(
      `search by ${what}, ${hits} hits: ${cells.join("; ")}; time ${ratio.toFixed(2)} (limit ${search_limit})`,
    );
    held.push(ratio <= search_limit);
  }
  return held;
}

const told = ({ ms, blocks }: Cost): string => `${ms.toFixed(2)} ms, ${blocks} blocks`;

const valuesOf = ({ business_id, timezone }: ShopSize): Record<string, Parameter> => ({
  business_id,
  timezone,
  statuses: null,
  priorities: null,
  customer_id: null,
  assigned_to: null,
  machine_id: null,
  overdue: null,
  due_from: null,
  due_to: null,
  created_from: null,
  created_to: null,
  q: null,
  sort: "-created_at",
  after: null,
  limit_rows: rows_a_page,
  numbers_only: false,
});
