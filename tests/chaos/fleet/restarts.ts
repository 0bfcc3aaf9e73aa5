import { pick } from "../../cache/chaos/random.ts";
import { until } from "../../helpers/replicas.ts";
import { signalIfAlive } from "../../helpers/signals.ts";
import { percentile } from "./record.ts";
import { answeredWithin, effectsHold, noneFailed, type Scenario, underLoad } from "./scenario.ts";

/** What a killed replica may take until it serves again. */
const BACK_MAX_MS = 2_000;

export const killed: Scenario = {
  id: "R1",
  title: "kill -9 of a random replica, again and again",
  async run(context) {
    const { fleet, random, long, say } = context;
    const [rounds, gap_ms] = long ? [24, 5_000] : [4, 2_500];
    const back_ms: number[] = [];
    const traffic = await underLoad(context, async () => {
      for (let round = 0; round < rounds; round += 1) {
        const began = performance.now();
        const { replicas } = await fleet.status();
        const { name, pid } = pick(
          random,
          replicas.filter((replica) => replica.pid !== null),
        );
        process.kill(pid ?? 0, "SIGKILL");
        await until(`${name} serves again`, async () => {
          const now = (await fleet.status()).replicas.find((replica) => replica.name === name);
          return now !== undefined && now.pid !== null && now.pid !== pid;
        });
        back_ms.push(performance.now() - began);
        await Bun.sleep(Math.max(0, gap_ms - (performance.now() - began)));
      }
    });
    const { entries } = traffic.recorder;
    const unkeyed = entries.filter(
      ({ kind, status, failure }) => kind === "login" && (failure !== null || status >= 500),
    );
    say(
      `back in rotation after ${percentile(back_ms, 0.5).toFixed(0)} ms, at most ${Math.max(...back_ms).toFixed(0)} ms; ` +
        `${unkeyed.length} logins in flight on a killed replica failed (they may not be sent twice)`,
    );
    const slow =
      long && Math.max(...back_ms) > BACK_MAX_MS ? [`a replica was away for over ${BACK_MAX_MS} ms`] : [];
    return [
      ...noneFailed(
        entries.filter(({ kind }) => kind === "get" || kind === "dashboard"),
        "GETs",
      ),
      ...noneFailed(
        entries.filter(({ kind }) => kind === "keyed"),
        "keyed POSTs",
      ),
      ...(await effectsHold(fleet, entries)),
      ...slow,
    ];
  },
};

export const renewed: Scenario = {
  id: "R2",
  title: "rolling restarts and nginx reloads",
  async run(context) {
    const { fleet, long } = context;
    const [restarts, reloads] = long ? [10, 20] : [1, 2];
    const traffic = await underLoad(context, async () => {
      for (let round = 0; round < restarts; round += 1) {
        await fleet.control("POST /rolling-restart");
        await Bun.sleep(500);
      }
      for (let round = 0; round < reloads; round += 1) {
        await fleet.control("POST /nginx-reload");
      }
    });
    const { entries } = traffic.recorder;
    return [...noneFailed(entries, "all requests"), ...(await effectsHold(fleet, entries))];
  },
};

/** What anybody may wait while a replica is frozen. */
const FROZEN_WAIT_MAX_MS = 5_000;

export const frozen: Scenario = {
  id: "R4",
  title: "a replica is frozen and woken",
  async run(context) {
    const { fleet, random, long, say } = context;
    // Woken before the supervisor gives it up, and long after.
    const naps_ms = long ? [1_000, 2_000, 30_000, 30_000] : [1_000, 4_000];
    const traffic = await underLoad(context, async () => {
      for (const nap_ms of naps_ms) {
        const { pid } = pick(
          random,
          (await fleet.status()).replicas.filter((replica) => replica.pid !== null),
        );
        process.kill(pid ?? 0, "SIGSTOP");
        await Bun.sleep(nap_ms);
        if (!signalIfAlive(pid ?? 0, "SIGCONT"))
          say(`the supervisor had replaced the one that slept ${nap_ms} ms`);
        await Bun.sleep(2_000);
      }
    });
    const { entries } = traffic.recorder;
    return [
      ...answeredWithin(entries, FROZEN_WAIT_MAX_MS),
      ...noneFailed(
        entries.filter(({ kind }) => kind !== "login" && kind !== "refresh"),
        "GETs and keyed POSTs",
      ),
      ...(await effectsHold(fleet, entries)),
    ];
  },
};
