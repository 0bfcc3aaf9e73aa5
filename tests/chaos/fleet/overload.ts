import { passwordParameters } from "../../../src/core/passwords.ts";
import { connect } from "../../helpers/database.ts";
import { password } from "../../helpers/fixtures.ts";
import { describeBad, type Entry, goodShare, isGood, percentile, summary } from "./record.ts";
import { atLeast, type Context, effectsHold, type Scenario } from "./scenario.ts";
import type { Fleet } from "./rig.ts";
import { Traffic } from "./traffic.ts";

/** Goal R11. */
const TIMES = 5;
const GOODPUT_FLOOR = 0.85;
const REFUSED_WITHIN_MS = 20;
const NORMAL_AFTER_MS = 5_000;
/** Asked by so many at once the fleet gives all it can: more only wait longer, or are refused. */
const WORKERS = 12;
/**
 * Dearer than the usual traffic, with passwords hashed as in earnest: a login costs as much as a hundred reads. So the
 * client, which has only what the fleet leaves of the machine, can really ask for five times as much.
 */
const mix = { get: 0.5, keyed: 0.2, dashboard: 0.05, login: 0.25 };

export const overloaded: Scenario = {
  id: "R11",
  title: `${TIMES} times the load that the fleet can carry`,
  async run(context) {
    const { fleet, random, long, say } = context;
    const seconds = long ? 15 : 3;
    await using borrowed = new AsyncDisposableStack();
    borrowed.use(await hashInEarnest(fleet));
    const peak = await goodputOf(context, seconds);
    const traffic = new Traffic(fleet, { per_second: peak * TIMES, random, timeout_ms: 10_000, mix });
    const { recorder } = traffic;
    traffic.start();
    await Bun.sleep(seconds * 1_000);
    // What is under way is answered; nothing new comes.
    const elapsed_ms = recorder.now_ms();
    await traffic.stop();
    const { entries } = recorder;
    const good = entries.filter(isGood);
    const refused = entries.filter(isRefusal);
    const goodput =
      good.filter((entry) => entry.at_ms + entry.took_ms <= elapsed_ms).length / (elapsed_ms / 1_000);
    const [waits, seen] = [await refusedAfter(fleet), refused.map(({ answered_ms }) => answered_ms)];
    say(
      `peak ${peak.toFixed(0)}/s; offered ${(entries.length / (elapsed_ms / 1_000)).toFixed(0)}/s, of which good ${goodput.toFixed(0)}/s ` +
        `(${((goodput / peak) * 100).toFixed(0)} %); ${refused.length} refused, seen by nginx after ` +
        `${percentile(waits, 0.5).toFixed(0)} ms (p99 ${percentile(waits, 0.99).toFixed(0)} ms), as seen by clients on the ` +
        `same cores ${percentile(seen, 0.5).toFixed(0)} ms (p99 ${percentile(seen, 0.99).toFixed(0)} ms)`,
    );
    const other = entries.filter((entry) => !isGood(entry) && !isRefusal(entry));
    return [
      ...(other.length === 0 ? [] : [`neither answered nor refused: ${describeBad(other)}`]),
      ...refusals(refused),
      ...(!long || goodput >= GOODPUT_FLOOR * peak
        ? []
        : [`goodput ${(goodput / peak).toFixed(2)} of the peak`]),
      ...(!long || percentile(waits, 0.5) <= REFUSED_WITHIN_MS
        ? []
        : [`refusals took over ${REFUSED_WITHIN_MS} ms`]),
      ...(await effectsHold(fleet, entries)),
      ...(await normal(context)),
    ];
  },
};

const isRefusal = ({ status }: { status: number }): boolean => status === 503 || status === 429;

function refusals(refused: readonly Entry[]): string[] {
  if (refused.length === 0) return ["nothing was refused: this was no overload"];
  const silent = refused.filter(({ retry_after }) => retry_after === null);
  return silent.length === 0 ? [] : [`${silent.length} refusals without Retry-After`];
}

/**
 * The passwords of fixtures are hashed cheaply, and are so again at the end: half of what the fleet can carry was measured
 * with those, and whatever runs next is asked for it.
 */
async function hashInEarnest({ database_url }: Fleet): Promise<AsyncDisposable> {
  const hash = await Bun.password.hash(password, passwordParameters);
  await using sql = connect(database_url);
  const cheap: { id: string; password_hash: string }[] = await sql`select id, password_hash from core.users`;
  await sql`update core.users set password_hash = ${hash}`;
  return {
    async [Symbol.asyncDispose]() {
      await using again = connect(database_url);
      await again`update core.users u set password_hash = c.password_hash
        from jsonb_to_recordset(${JSON.stringify(cheap)}::text::jsonb) c (id uuid, password_hash text) where c.id = u.id`;
    },
  };
}

/** How long nginx had each request that was refused, by itself or by a replica, milliseconds. */
async function refusedAfter({ access_log }: Fleet): Promise<number[]> {
  // As long as nginx gathers lines.
  await Bun.sleep(1_500);
  type Line = { status: number; duration_s: number };
  const lines = (await Bun.file(access_log).text()).trimEnd().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as Line);
  return entries.filter(isRefusal).map(({ duration_s }) => duration_s * 1_000);
}

/** What a fleet answers when asked by so many that it gives all it can, requests/s. */
async function goodputOf({ fleet, random }: Context, seconds: number): Promise<number> {
  const traffic = new Traffic(fleet, { per_second: 0, random, mix });
  await traffic.saturate(WORKERS, seconds * 1_000);
  const { entries } = traffic.recorder;
  if (goodShare(entries) < 0.99) throw new Error(`no peak to measure: ${summary(entries)}`);
  return entries.filter(isGood).length / seconds;
}

/** Some seconds after the flood the fleet is as before. */
async function normal({ fleet, random, per_second, long }: Context): Promise<string[]> {
  await Bun.sleep(NORMAL_AFTER_MS);
  const traffic = new Traffic(fleet, { per_second, random });
  traffic.start();
  await Bun.sleep(long ? 10_000 : 2_000);
  await traffic.stop();
  return atLeast(traffic.recorder.entries, 1, `${NORMAL_AFTER_MS} ms after the flood`);
}
