import { answeredWithin, atLeast, effectsHold, onlyRefused, type Scenario, underLoad } from "./scenario.ts";

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
      ...atLeast(quiet, 0.999, `from ${RECOVERY_MS} ms after its return`),
      ...(await effectsHold(fleet, entries)),
      ...((await pids()) === before ? [] : ["a replica restarted"]),
    ];
  },
};
