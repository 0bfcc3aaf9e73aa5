import { chmodSync, mkdirSync, rmSync } from "node:fs";
import type { SQL } from "bun";
import type { Parameters, Statement } from "../../src/platform/db/statement.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { seedScale } from "../../src/seed/scale.ts";
import { connect } from "../helpers/database.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";

/** A shop of so many jobs in a database of its own, and who is asked for in it. */
export type ShopSize = Readonly<{
  name: string;
  jobs: number;
  sql: SQL;
  business_id: string;
  timezone: string;
  /** A member, and a machine, with as many open steps at every size, as near as can be. */
  member_id: string;
  machine_id: string;
}>;

const scales = ["10k", "100k", "1m", "10m"] as const;
export type ScaleName = (typeof scales)[number];

/** Reads `10k,1m`. @throws {RangeError} for a size that no seed has */
export function readSizes(text: string): ScaleName[] {
  const names = text.split(",");
  const known = scales.filter((scale) => names.includes(scale));
  if (known.length !== new Set(names).size || known.length < 2)
    throw new RangeError(`sizes are two or more of ${scales.join(", ")}`);
  return known;
}

/**
 * Has shops of these scales measured, each in a database of its own that nobody else uses. What is asked is their largest
 * business.
 *
 * @param folder where their PostgreSQL stays, filled, for the next run, which brings it to the schema of then; default: nowhere
 */
export async function withShops<T>(
  scales: readonly ScaleName[],
  folder: string | undefined,
  use: (filled: readonly ShopSize[]) => Promise<T>,
): Promise<T> {
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const place = folder ?? makeTestFolder();
  // PostgreSQL runs as another account when we are root.
  chmodSync(place, 0o755);
  const server = await startTestPostgres(place, {
    settings: { shared_buffers: "1GB", max_wal_size: "8GB", random_page_cost: "1.1" },
  });
  try {
    const filled: ShopSize[] = [];
    for (const scale of scales) filled.push(await fillShop(server.url, scale));
    const result = await use(filled);
    for (const { sql } of filled) await sql.close();
    return result;
  } finally {
    await server.stop();
    if (folder === undefined) rmSync(place, { recursive: true, force: true });
  }
}

async function fillShop(server: string, scale: ScaleName): Promise<ShopSize> {
  const began = performance.now();
  const database = new URL(server);
  database.pathname = `/shop_${scale}`;
  const url = database.href;
  const isFilled = await hasSeed(server, url);
  if (!isFilled) {
    const admin = connect(server);
    await admin.unsafe(`drop database if exists shop_${scale} with (force)`);
    await admin.unsafe(`create database shop_${scale}`);
    await admin.close();
  }
  await migrate(url);
  const sql = connect(url);
  if (!isFilled) {
    await seedScale(url, { scale, seed: 42, modules: ["shop"], output: { write() {} } });
    await writeTrail(sql);
    await sql.unsafe("vacuum analyze").simple();
  }
  const [row] = await sql`select b.id::text as business_id, b.timezone,
      (select sum(v.count)::int from core.counter_values v where v.business_id = b.id and v.name = 'shop.jobs') as jobs,
      (select o.assigned_to::text from shop.open_steps o where o.business_id = b.id and o.assigned_to is not null
        and o.status <> 'pending' group by 1 order by abs(count(*) - 5), 1 limit 1) as member_id,
      (select o.machine_id::text from shop.open_steps o where o.business_id = b.id and o.machine_id is not null
        and o.status <> 'blocked' group by 1 order by abs(count(*) - 8), 1 limit 1) as machine_id
    from core.businesses b where b.code = 'SCALE1'`;
  console.log(`${scale}: filled in ${((performance.now() - began) / 1_000).toFixed(0)} s`);
  return { name: scale, sql, ...(row as Omit<ShopSize, "name" | "sql">) };
}

/** A line of the audit trail for every tenth job, a second apart: seeds leave none. */
async function writeTrail(sql: SQL): Promise<void> {
  await sql`insert into core.audit_log (at, business_id, actor_user_id, action, entity_type, entity_id, after)
    select now() - n * interval '1 second', business_id, created_by, 'job.updated', 'job', id, '{"status": "completed"}'
    from (select j.*, row_number() over (order by j.business_id, j.id) as n from shop.jobs j) j where n % 10 = 0`;
}

/** Whether the database is there and its seed finished: the last run may have been ended in it. */
async function hasSeed(server: string, url: string): Promise<boolean> {
  const admin = connect(server);
  const [known] = await admin`select 1 from pg_database where datname = ${new URL(url).pathname.slice(1)}`;
  await admin.close();
  if (known === undefined) return false;
  const sql = connect(url);
  const [table] = await sql`select 1 where to_regclass('core.settings') is not null`;
  const [seed] =
    table === undefined
      ? []
      : await sql`select 1 from core.settings where key = 'seed.scale' and value ->> 'state' = 'finished'`;
  await sql.close();
  return seed !== undefined;
}

/** What a statement costs: planning and execution in ms, and blocks touched. */
export type Cost = Readonly<{ ms: number; blocks: number }>;

/** Asks for the cost of a statement of the lane `fast` (prepared, its plan kept) or `report` (planned with its values). */
export async function costOf<P extends Parameters>(
  { sql }: Pick<ShopSize, "sql">,
  lane: "fast" | "report",
  { name, text, parameters }: Pick<Statement<P, object>, "name" | "text" | "parameters">,
  values: P,
): Promise<Cost> {
  const given = parameters.map((parameter) => values[parameter]);
  const explained = "explain (analyze, buffers, timing off, format json)";
  let row: { "QUERY PLAN": readonly Plan[] };
  if (lane === "report") [row] = await sql.unsafe(`${explained} ${text}`, given as never[]);
  else {
    const prepared = `p_${name.replaceAll(/\W/g, "_")}`;
    await sql.unsafe("set plan_cache_mode = force_generic_plan");
    const [known] = await sql`select 1 from pg_prepared_statements where name = ${prepared}`;
    if (known === undefined) await sql.unsafe(`prepare ${prepared} as ${text}`).simple();
    const words = given.map((value) =>
      value === null ? "null" : `'${String(value).replaceAll("'", "''")}'`,
    );
    [row] = await sql.unsafe(`${explained} execute ${prepared}(${words.join(", ")})`).simple();
  }
  const [plan] = row["QUERY PLAN"];
  if (plan === undefined) throw new Error(`${name}: no plan`);
  const root = plan.Plan;
  return {
    ms: plan["Planning Time"] + plan["Execution Time"],
    blocks: root["Shared Hit Blocks"] + root["Shared Read Blocks"],
  };
}

type Plan = Readonly<{
  "Planning Time": number;
  "Execution Time": number;
  Plan: Readonly<{ "Shared Hit Blocks": number; "Shared Read Blocks": number }>;
}>;

/** The median of several tries, of time and blocks alike. */
export async function medianCost(tries: number, once: () => Promise<Cost>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let turn = 0; turn < tries; turn += 1) costs.push(await once());
  const middle = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return { ms: middle(costs.map(({ ms }) => ms)), blocks: middle(costs.map(({ blocks }) => blocks)) };
}
