import { wholeBusiness } from "../platform/cache/index.ts";
import { writeBudgets } from "./budgets.ts";
import { type Business, writeBusiness } from "./business.ts";
import { writeJobs } from "./jobs.ts";
import { createCheckedLoader, createTrustingLoader, type Loader } from "./loader.ts";
import { writeMoney } from "./money.ts";
import { demo_password } from "../platform/demo.ts";
import { hashPassword } from "./password.ts";
import { allModules, type BusinessPlan, type Module, type Scale, planScale } from "./plan.ts";
import { Progress, type ProgressOutput } from "./progress.ts";
import { withConnection } from "./queries.ts";
import { Rows, tableNames } from "./rows.ts";

/** The database is not one that a scale seed may write into; the message is for the person at the terminal. */
export class SeedRefused extends Error {
  override readonly name = "SeedRefused";
}

export type ScaleOptions = Readonly<{
  scale: Scale;
  /** Any integer; the same seed and `until_ms` give the same rows, except for password hashes. */
  seed: number;
  /** Now, as far as the data go, milliseconds since 1970; default: the full hour before now. */
  until_ms?: number;
  /** Instead of those of the scale, for tests: how many, and how many of them are not made within hours. */
  jobs?: number;
  slow_jobs?: number;
  /** What businesses have; default: all. Bank and savings share a ledger: they come together. */
  modules?: readonly Module[];
  /** `check`: foreign keys are checked; `trust`: not; default: not, where the role may skip them. */
  foreign_keys?: "check" | "trust";
  output?: ProgressOutput;
}>;

const hour_ms = 3_600_000;
const flush_rows = 8_000;
/** Counters that are folded in one transaction. */
const deltasAtOnce = 50_000;
/** With foreign keys checked each flush is several COPYs, each on a connection of its own. */
const checked_flush_rows = 200_000;

/**
 * Fills the database with the jobs of a scale, in eight businesses of as many time zones, SCALE1 with 70 % of them.
 * Logins: `owner.scale1@scale.test`, `operator.scale1@scale.test`, … and so for every role and business, with the
 * password of the demo. The schema must be current.
 *
 * @returns the rows written and the seconds it took
 * @throws {SeedRefused} the database has scale data already
 * @throws {DatabaseError | DatabaseUnavailable} what was committed by then stays; a second run says so
 */
export async function seedScale(
  url: string,
  options: ScaleOptions,
): Promise<{ rows: number; elapsed_s: number }> {
  const until_ms = options.until_ms ?? Math.floor(Date.now() / hour_ms) * hour_ms;
  const plans = planScale({ ...options, until_ms });
  const trust = await prepare(url, options);
  const output = options.output ?? process.stdout;
  const writers = writersOf(options.modules ?? allModules);
  const sumOf = (writer: Writer, one: (plan: BusinessPlan) => number): number =>
    writers.includes(writer) ? plans.reduce((sum, plan) => sum + one(plan), 0) : 0;
  const jobs = sumOf(writeJobs, (plan) => plan.jobs);
  const transfers = sumOf(writeMoney, ({ bank }) => bank.transfers);
  const markings = sumOf(writeMoney, ({ savings }) => savings.markings);
  const budgeted = sumOf(writeBudgets, ({ budget }) => budget.transactions);
  const progress = new Progress(output, jobs + transfers + markings + budgeted);
  const count = (of: number) => of.toLocaleString("en-US");
  progress.say(
    `seeding ${count(jobs)} jobs, ${count(transfers)} transfers, about ${count(markings)} markings and ` +
      `${count(budgeted)} transactions of budgets, seed ${options.seed}`,
  );
  const loader = trust ? createTrustingLoader(url) : createCheckedLoader(url);
  try {
    const flush_at = trust ? flush_rows : checked_flush_rows;
    const businesses = await load(loader, plans, { progress, flush_at, writers });
    progress.say("counting and collecting statistics");
    await finish(url, businesses);
  } catch (error) {
    loader.abort(error);
    throw error;
  }
  const result = progress.close();
  output.write(`log in as owner.scale1@scale.test, password ${demo_password}\n`);
  return result;
}

/** Refuses a second run, notes the first, and returns whether foreign keys may be trusted. */
function prepare(url: string, { scale, seed, foreign_keys }: ScaleOptions): Promise<boolean> {
  return withConnection(url, async (query) => {
    const [found] = await query(`select
      (select value ->> 'state' from core.settings where business_id is null and key = 'seed.scale') as state,
      exists (select from core.businesses where code ~ '^SCALE[0-9]+$') as has_rows,
      has_parameter_privilege('session_replication_role', 'set') as may_trust`);
    if (found?.["state"] === "finished") {
      throw new SeedRefused("this database has scale data already; seed an empty database instead");
    }
    if (found?.["has_rows"] === true || typeof found?.["state"] === "string") {
      throw new SeedRefused(
        "this database has scale data of a seed that did not finish; seed an empty database instead",
      );
    }
    await query(`set app.import = 'on'`);
    await query(`insert into core.settings (business_id, key, value) values (null, 'seed.scale',
      '{"scale": "${scale}", "seed": ${seed}, "state": "running"}')`);
    return foreign_keys === undefined ? found?.["may_trust"] === true : foreign_keys === "trust";
  });
}

type Writer = typeof writeJobs;

function writersOf(modules: readonly Module[]): Writer[] {
  return [
    ...(modules.includes("shop") ? [writeJobs] : []),
    ...(modules.includes("bank") ? [writeMoney] : []),
    ...(modules.includes("budget") ? [writeBudgets] : []),
  ];
}

async function load(
  loader: Loader,
  plans: readonly BusinessPlan[],
  { progress, flush_at, writers }: { progress: Progress; flush_at: number; writers: readonly Writer[] },
): Promise<readonly Business[]> {
  const password_hash = await hashPassword();
  const rows = new Rows();
  const businesses = plans.map((plan) => writeBusiness(rows, plan, password_hash));
  const flush = async (done: number): Promise<void> => {
    const { count } = rows;
    await loader.flush(rows);
    progress.add(done, count);
  };
  await flush(0);
  await loader.finish();
  // one after the other: each has its tables, and each table its connection
  for (const write of writers) {
    let done = 0;
    for (const business of businesses) {
      for (const written of write(rows, business)) {
        done += written;
        if (rows.count < flush_at) continue;
        await flush(done);
        done = 0;
      }
    }
    await flush(done);
    await loader.finish();
  }
  return businesses;
}

/**
 * Counters and the roll-up of budgets (triggers do not count where foreign keys are trusted), statistics for the planner, the visibility map for counts
 * from indexes alone, and the note that all is there; with it, whatever a running server has cached of the half-filled
 * businesses ends.
 */
async function finish(url: string, businesses: readonly Business[]): Promise<void> {
  await withConnection(url, async (query) => {
    await query("select shop.rebuild_open_steps()");
    await query("select core.rebuild_counters()");
    await query(`insert into budget.category_months (business_id, budget_id, month, category_id, activity, tx_count)
      select b.id, d.budget_id, d.month, d.category_id, d.activity, d.tx_count
      from core.businesses b, budget.roll_up_drift(b.id) d`);
    while ((await query(`select core.fold_counters(${deltasAtOnce}) as folded`))[0]?.["folded"] !== 0);
  });
  const derived = ["core.counters", "shop.open_steps", "budget.category_months"];
  const waiting: string[] = [...derived, ...tableNames.toReversed()];
  const vacuum = () =>
    withConnection(url, async (query) => {
      await query("set maintenance_work_mem = '256MB'");
      for (let table = waiting.pop(); table !== undefined; table = waiting.pop()) {
        await query(`vacuum (analyze) ${table}`);
      }
    });
  await Promise.all([vacuum(), vacuum()]);
  await withConnection(url, async (query) => {
    await query("set app.import = 'on'");
    const tags = businesses.map(({ id }) => `'${wholeBusiness(id)}'`).join(", ");
    await query(`with invalidated as (select core.invalidate(array[${tags}]) as id)
      update core.settings set value = value || '{"state": "finished"}' from invalidated
      where business_id is null and key = 'seed.scale'`);
  });
}
