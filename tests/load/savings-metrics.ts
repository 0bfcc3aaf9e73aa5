import { rmSync } from "node:fs";
import type { SQL } from "bun";
import { getMetrics } from "../../src/savings/statements.ts";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";
import { insertHistory } from "../sql/savings-history.ts";

const timezone = "Africa/Lagos";
const agents = 20;
const visits = 8;
/** Markings of an account that stand, about: one to four a visit. */
const markings_per_account = 13;
const rounds = 101;
/** Goal P8, for a hundredfold. */
const ratio_limit = 1.5;

/** A business with so many markings, in a database of its own. */
type Size = Readonly<{ markings: number; sql: SQL; business: Business; agent_id: string; unit_id: string }>;

/**
 * The dashboard of savings on a miss: time in the database with ten thousand markings and with a million, of the business, of
 * an agent and of a unit. Both sizes take turns. Prints medians and ratios.
 *
 * @returns whether no ratio is above its limit
 */
export async function measureSavingsMetrics(): Promise<boolean> {
  const folder = makeTestFolder();
  const server = await startTestPostgres(folder);
  process.env["TEST_DATABASE_URL"] = server.url;
  try {
    const [small, large] = [await fill(10_000), await fill(1_000_000)];
    const held: boolean[] = [];
    for (const scope of ["business", "agent", "unit"] as const) {
      const times: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round += 1) {
        times[0].push(await timeOf(small, scope));
        times[1].push(await timeOf(large, scope));
      }
      const [few = 0, many = 0] = times.map(median);
      const ratio = many / few;
      console.log(
        `savings metrics of ${scope}: ${few.toFixed(2)} ms with ${small.markings} markings, ${many.toFixed(2)} ms with ` +
          `${large.markings}: ${ratio.toFixed(2)} (limit ${ratio_limit})`,
      );
      held.push(ratio <= ratio_limit);
    }
    await Promise.all([small.sql.close(), large.sql.close()]);
    return held.every(Boolean);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(markings: number): Promise<Size> {
  const sql = connect((await createTestDatabase()).url);
  const business = await makeBusiness(sql, { code: "ALPHA", timezone, currency: "NGN" });
  const units: { id: string }[] = await sql`insert into core.units (business_id, name)
    select ${business.id}, 'Unit ' || g from generate_series(1, 4) g returning id`;
  await sql`insert into core.users (id, username, full_name)
    select md5('agent' || g)::uuid, 'agent' || g, 'Agent ' || g from generate_series(1, ${agents}) g`;
  const members: { id: string }[] = await sql`insert into core.memberships (business_id, id, user_id, role)
    select ${business.id}, md5('member' || g)::uuid, md5('agent' || g)::uuid, 'agent' from generate_series(1, ${agents}) g
    returning id`;
  await insertHistory(sql, {
    business,
    agents: members.map(({ id }) => id),
    units: units.map(({ id }) => id),
    staff: business.people.owner,
    accounts: markings / markings_per_account,
    visits,
    days: 400,
    seed: 0.5,
  });
  for (let folded = 1; folded > 0;) [{ folded }] = await sql`select core.fold_counters(10000) as folded`;
  await sql.unsafe("vacuum analyze").simple();
  const [{ count }] = await sql`select count(*)::int as count from savings.markings`;
  const [agent_id = "", unit_id = ""] = [members[0]?.id, units[0]?.id];
  return { markings: count, sql, business, agent_id, unit_id };
}

/** Planning and execution, ms, planned with its values as on the lane `report`. */
async function timeOf(
  { sql, business, agent_id, unit_id }: Size,
  scope: "business" | "agent" | "unit",
): Promise<number> {
  const [row] = await sql.unsafe(`explain (analyze, timing off, format json) ${getMetrics.text}`, [
    business.id,
    scope === "agent" ? agent_id : null,
    scope === "unit" ? unit_id : null,
    null,
    timezone,
  ]);
  const [plan] = row["QUERY PLAN"];
  return plan["Planning Time"] + plan["Execution Time"];
}

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
