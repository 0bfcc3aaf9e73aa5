import { readFileSync } from "node:fs";
import { connect } from "../../helpers/database.ts";
import { goodShare } from "./record.ts";
import type { Fleet } from "./rig.ts";
import {
  answeredWithin,
  atLeast,
  effectsHold,
  noneFailed,
  onlyRefused,
  type Scenario,
  underLoad,
} from "./scenario.ts";
import { Traffic } from "./traffic.ts";

const WAIT_MAX_MS = 5_000;
const RECOVERY_MS = 3_000;
const DOWN_MS = 1_500;

export const databaseAway: Scenario = {
  id: "R5",
  title: "PostgreSQL restarted and killed",
  async run(context) {
    const { fleet, long, say } = context;
    const faults = long
      ? (["restart", "restart", "restart", "kill", "kill", "kill"] as const)
      : (["restart", "kill"] as const);
    const steady_ms = long ? 6_000 : 2_000;
    const calm: [number, number][] = [];
    const pids = async () => (await fleet.status()).replicas.map(({ pid }) => pid).join();
    const before = await pids();
    const traffic = await underLoad(context, async ({ recorder }) => {
      await Bun.sleep(1_000);
      for (const fault of faults) {
        await fleet.postgres[fault](DOWN_MS);
        const back_ms = recorder.now_ms();
        await Bun.sleep(RECOVERY_MS + steady_ms);
        calm.push([back_ms + RECOVERY_MS, recorder.now_ms()]);
      }
    });
    const { recorder } = traffic;
    const { entries } = recorder;
    say(`${entries.filter(({ status }) => status === 503).length} answered 503 while it was away`);
    const quiet = calm.flatMap(([from_ms, to_ms]) => recorder.between(from_ms, to_ms));
    return [
      ...onlyRefused(entries),
      ...answeredWithin(entries, WAIT_MAX_MS),
      // A thousandth of the short form's thousand requests is one of them.
      ...atLeast(quiet, long ? 0.999 : 0.995, `from ${RECOVERY_MS} ms after its return`),
      ...(await effectsHold(fleet, entries)),
      ...((await pids()) === before ? [] : ["a replica restarted"]),
    ];
  },
};

/** The longest deadline of a lane is that of reports, 11 s; on the way there and back is some time, too. */
const DEADLINE_MAX_MS = 12_000;
/** What the replicas may grow by while everything waits. */
const GROWTH_MAX = 1.5;

/**
 * The goal asks for 99 % of cached reads, too. They are printed and not judged: an answer whose class allows a second needs a
 * proof that nothing was committed since, and the proof comes from PostgreSQL. Who may see older ones is of another class.
 */
export const databaseFrozen: Scenario = {
  id: "R6",
  title: "PostgreSQL frozen",
  long_only: true,
  async run(context) {
    const { fleet, random, say } = context;
    // Each of them is in the memory of each replica before.
    await new Traffic(fleet, { per_second: 0, random, mix: { cached: 1 } }).saturate(16, 10_000);
    const before = await memoryOf(fleet);
    let [from_ms, to_ms, grown] = [0, 0, 0];
    const traffic = await underLoad(
      context,
      async ({ recorder }) => {
        await Bun.sleep(2_000);
        from_ms = recorder.now_ms();
        await fleet.postgres.freeze(60_000);
        to_ms = recorder.now_ms();
        grown = (await memoryOf(fleet)) / before;
        await Bun.sleep(RECOVERY_MS + 5_000);
      },
      { mix: { cached: 0.7, get: 0.1, keyed: 0.15, dashboard: 0.05 } },
    );
    const { recorder } = traffic;
    const frozen = recorder.between(from_ms, to_ms);
    const cached = frozen.filter(({ kind }) => kind === "cached");
    say(
      `memory ${grown.toFixed(2)} times what it was; cached reads ${(goodShare(cached) * 100).toFixed(3)} % good`,
    );
    return [
      ...onlyRefused(frozen),
      ...answeredWithin(recorder.entries, DEADLINE_MAX_MS),
      ...atLeast(
        recorder.between(to_ms + RECOVERY_MS, recorder.now_ms()),
        0.999,
        `${RECOVERY_MS} ms after it`,
      ),
      ...(grown <= GROWTH_MAX ? [] : [`the replicas' memory grew ${grown.toFixed(2)} times`]),
      ...(await effectsHold(fleet, recorder.entries)),
    ];
  },
};

/** Resident memory of all replicas, in pages. https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html */
async function memoryOf(fleet: Fleet): Promise<number> {
  const { replicas } = await fleet.status();
  const pages = replicas.map(({ pid }) => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]));
  return pages.reduce((sum, each) => sum + each, 0);
}

/** How PostgreSQL undoes a statement: a serialisation failure, a deadlock. */
const undone = ["40001", "40P01"] as const;

export const writesUndone: Scenario = {
  id: "R7",
  title: "deadlocks and serialisation failures among the writes",
  async run(context) {
    const { fleet, long, say } = context;
    const share = long ? 0.01 : 0.1;
    await using sql = connect(fleet.database_url);
    await sql.unsafe(`create sequence core.chaos_undone;
      create function core.chaos_undo() returns trigger language plpgsql as $$ begin
        if random() < ${share} then
          perform nextval('core.chaos_undone');
          raise exception 'undone' using errcode = (array['${undone.join("','")}'])[1 + floor(random() * ${undone.length})::int];
        end if;
        return new;
      end $$;
      create trigger chaos_undo before insert on core.customers for each row execute function core.chaos_undo()`);
    try {
      const traffic = await underLoad(context, () => Bun.sleep(long ? 20_000 : 2_000));
      const [row] = await sql`select last_value::int as times from core.chaos_undone where is_called`;
      const { entries } = traffic.recorder;
      say(`${row?.times ?? 0} writes were undone`);
      return [
        ...noneFailed(entries, "all requests"),
        ...(await effectsHold(fleet, entries)),
        ...(row === undefined ? ["nothing was undone: nothing is proven"] : []),
      ];
    } finally {
      await sql.unsafe("drop function core.chaos_undo cascade; drop sequence core.chaos_undone");
    }
  },
};
