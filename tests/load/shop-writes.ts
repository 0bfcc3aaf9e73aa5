import { rmSync } from "node:fs";
import type { SQL } from "bun";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { makeBusiness } from "../helpers/fixtures.ts";
import { requirePrograms } from "../helpers/required-programs.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";
import { median } from "./bench.ts";
import { pgbench } from "./pgbench.ts";

/** Goal P10. */
const floor = 0.6;
const clients = 8;
const jobs = 2_000;
const rounds = 3;
const background_ms = 1_000;

/** The whole write: the actor, the change, and the row that tells the cache. The triggers count and keep the trail. */
const whole = `with act as materialized (
    select set_config('app.business_id', ':business', true), core.invalidate(array['b::business|shop_jobs']))
  update shop.jobs set status = case status when 'active' then 'in_progress' else 'active' end::shop.job_status
  from act where business_id = ':business'::uuid and id = md5('job' || :n)::uuid;`;
const bare = `update shop.jobs set status = case status when 'active' then 'in_progress' else 'active' end::shop.job_status
  where business_id = ':business'::uuid and id = md5('job' || :n)::uuid;`;

type Side = Readonly<{ url: string; sql: SQL; statement: string }>;

/**
 * Changes of the status of single jobs of one business by eight clients, durable: with counters, audit trail and outbox, their background
 * work beside them, against the same without, in turns. Prints the ratio.
 *
 * @returns whether it is above its floor
 */
export async function measureShopWrites({ seconds }: { seconds: number }): Promise<boolean> {
  const program = (await requirePrograms(["pgbench"])).get("pgbench") ?? "pgbench";
  const folder = makeTestFolder();
  const server = await startTestPostgres(folder, { durable: true });
  process.env["TEST_DATABASE_URL"] = server.url;
  try {
    const full = await prepare(whole);
    const without = await prepare(bare);
    for (const trigger of ["count_update", "audit_update"])
      await without.sql.unsafe(`alter table shop.jobs disable trigger ${trigger}`).simple();
    const ratios: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const run = ({ url, statement }: Side) =>
        pgbench({ program, url, folder, sql: statement, variables: {}, clients, seconds });
      const background = setInterval(() => {
        void full.sql`select core.fold_counters(10000), core.seal_audit(5000)`;
      }, background_ms);
      const all = await run(full).finally(() => clearInterval(background));
      const only = await run(without);
      ratios.push(all / only);
      console.log(
        `round ${round}: ${all.toFixed(0)}/s of ${only.toFixed(0)}/s without: ${(all / only).toFixed(2)}`,
      );
    }
    const ratio = median(ratios);
    console.log(
      `writes with counters, audit and outbox vs without (P10): ${ratio.toFixed(2)} (floor ${floor}, aim 0.75)`,
    );
    const [{ drift }] = await full.sql`select count(*)::int as drift from core.counter_drift()`;
    if (drift !== 0) throw new Error("counters are not what their rows come to");
    await Promise.all([full.sql.close(), without.sql.close()]);
    return ratio >= floor;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function prepare(statement: string): Promise<Side> {
  const { url } = await createTestDatabase();
  const sql = connect(url);
  const { id } = await makeBusiness(sql, { code: "ALPHA", timezone: "Africa/Lagos", currency: "NGN" });
  await sql`insert into shop.jobs (business_id, id, job_number, title, status, due_on)
    select ${id}::uuid, md5('job' || n)::uuid, 'JOB-' || n, 'Job ' || n, 'active', date '2026-01-01' + n % 300
    from generate_series(1, ${jobs}::int) n`;
  await sql.unsafe("vacuum analyze").simple();
  const variables = `\\set n random(1, ${jobs})\n`;
  return { url, sql, statement: variables + statement.replaceAll(":business", id) };
}
