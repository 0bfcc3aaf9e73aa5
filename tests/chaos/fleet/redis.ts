import type { Network } from "../../cache/chaos/network.ts";
import type { ChaosRedis } from "../../cache/chaos/redis.ts";
import { shuffled } from "../../cache/chaos/random.ts";
import { Guesser, mostInAMinute, namesOf, type Revocation, revokeSession } from "./logins.ts";
import { type Entry, percentile, summary } from "./record.ts";
import type { Fleet } from "./rig.ts";
import { answeredGets } from "./server-log.ts";
import { atLeast, type Context, effectsHold, type Scenario, underLoad } from "./scenario.ts";
import { anyAddress, type Traffic } from "./traffic.ts";

/** What a fault lays hands on. */
export type Hands = Readonly<{ fleet: Fleet; server: ChaosRedis; network: Network }>;

export type Fault = Readonly<{
  name: string;
  /** Never left out by the short form. */
  always?: boolean;
  /** Every process of ours is replaced by one that remembers nothing. */
  forgets?: boolean;
  begin(hands: Hands): Promise<unknown> | void;
  end?(hands: Hands): Promise<unknown> | void;
}>;

/** The same for all replicas: they share one link. */
const linked = (name: string, mode: Parameters<Network["link"]>[1]): Fault => ({
  name,
  begin: ({ network }) => network.link([0], mode),
  end: ({ network }) => network.link([0], { is: "open" }, mode.is !== "slow"),
});

const configure = async ({ server }: Hands, policy: string, room: string): Promise<void> => {
  await server.command("CONFIG", "SET", "maxmemory-policy", policy);
  await server.command("CONFIG", "SET", "maxmemory", room);
};

export const faults: readonly Fault[] = [
  { name: "refused", begin: ({ server }) => server.kill(), end: ({ server }) => server.startEmpty() },
  { name: "frozen", begin: ({ server }) => server.freeze(), end: ({ server }) => server.thaw() },
  linked("slow by 500 ms", { is: "slow", by_ms: 500 }),
  // Below every deadline: nothing is given up, and all of it is waited for.
  { ...linked("slow by 30 ms", { is: "slow", by_ms: 30 }), always: true },
  {
    name: "full",
    begin: (hands) => configure(hands, "noeviction", "1mb"),
    end: (hands) => configure(hands, "volatile-lru", "0"),
  },
  { name: "flushed", begin: ({ server }) => server.command("FLUSHALL") },
  {
    name: "restarted from an old snapshot",
    async begin({ server }) {
      await server.kill();
      await server.startOld();
    },
  },
  {
    name: "absent when replicas start",
    forgets: true,
    async begin({ fleet, server }) {
      await server.kill();
      await fleet.control("POST /rolling-restart");
    },
    end: ({ server }) => server.startEmpty(),
  },
  linked("answering garbage", { is: "garbage" }),
];

const SHORT_FAULTS = 5;
const LOGINS_PER_MINUTE = 30;
const ADDRESS = "203.0.113.7";
const GUESS_GAP_MS = 100;
/** A revoked session is refused everywhere by then (http.md). */
const REVOKED_WITHIN_MS = 1_000;
/** What a request may spend on Redis. */
const SPENT_MAX_MS = 50;

/** One fault, from when it began until all was well again. */
type Episode = Readonly<{
  fault: Fault;
  /** Since the beginning of the load. */
  from_ms: number;
  to_ms: number;
  /** By the clock of the process. */
  began_ms: number;
  ended_ms: number;
  revocations: readonly Revocation[];
}>;

export const redisFaults: Scenario = {
  id: "R8",
  title: "Redis refused, frozen, slow, full, flushed, old, absent and out of its mind",
  // nginx believes our X-Forwarded-For here, so that the logins of the load come from many addresses.
  env: {
    LOGIN_RATE_LIMIT_PER_MINUTE: String(LOGINS_PER_MINUTE),
    TRUSTED_PROXIES: "127.0.0.1",
    // What a request has waited for Redis stands in its line.
    LOG_LEVEL: "info",
  },
  redis_network: true,
  async run(context) {
    const { fleet } = context;
    const names = await namesOf(fleet);
    const clients = names.map((name) => fleet.direct(name, 10_000));
    const guesser = new Guesser(clients, { address: ADDRESS, gap_ms: GUESS_GAP_MS });
    guesser.start();
    const episodes: Episode[] = [];
    let calm_ms = 0;
    const traffic = await underLoad(context, async ({ recorder }) => {
      await Bun.sleep(context.long ? 10_000 : 2_000);
      calm_ms = recorder.now_ms();
      await fleet.redis.snapshot();
      for (const fault of turnsOf(context)) episodes.push(await befall(context, fault, names, recorder));
    }).finally(() => guesser.stop());
    const { entries } = traffic.recorder;
    // The few requests of a short episode are no measure of one in a thousand.
    const all = context.long ? [] : atLeast(entries, 0.999, "all faults together");
    return [
      ...all,
      ...judgeEpisodes(context, traffic.recorder, episodes, calm_ms),
      ...judgeSpent(context, episodes),
      ...judgeGuesser(context, guesser, episodes),
      ...(await effectsHold(fleet, entries)),
    ];
  },
};

/** All faults, in any order; the short form takes some of them, which the seed says. */
function turnsOf({ long, random }: Context): readonly Fault[] {
  if (long) return shuffled(faults, random);
  const always = faults.filter((fault) => fault.always === true);
  const others = faults.filter((fault) => fault.always !== true);
  return shuffled([...always, ...shuffled(others, random).slice(0, SHORT_FAULTS - always.length)], random);
}

async function befall(
  { fleet, random, long }: Context,
  fault: Fault,
  names: readonly string[],
  recorder: Traffic["recorder"],
): Promise<Episode> {
  if (fleet.redis_network === null) throw new Error("this needs a network to Redis");
  const hands: Hands = { fleet, server: fleet.redis, network: fleet.redis_network };
  const [hold_ms, after_ms] = long ? [20_000, 5_000] : [1_000, 500];
  const [from_ms, began_ms] = [recorder.now_ms(), performance.now()];
  const revocations: Revocation[] = [];
  const revokeFor = async (duration_ms: number): Promise<void> => {
    const end_ms = recorder.now_ms() + duration_ms;
    do {
      revocations.push(await revokeSession(fleet, shuffled(names, random), anyAddress(random)));
      await Bun.sleep(Math.max(0, Math.min(1_000, end_ms - recorder.now_ms())));
    } while (recorder.now_ms() < end_ms);
  };
  await fault.begin(hands);
  await revokeFor(hold_ms);
  await fault.end?.(hands);
  if (long) await revokeFor(after_ms);
  else await Bun.sleep(after_ms);
  return { fault, from_ms, to_ms: recorder.now_ms(), began_ms, ended_ms: performance.now(), revocations };
}

function judgeEpisodes(
  { long, say }: Context,
  recorder: Traffic["recorder"],
  episodes: readonly Episode[],
  calm_ms: number,
): string[] {
  const wrong: string[] = [];
  const calm = spentOutside(recorder.between(0, calm_ms));
  say(`before any: ${describeSpent(calm)}`);
  for (const { fault, from_ms, to_ms, revocations } of episodes) {
    const { name } = fault;
    const entries = recorder.between(from_ms, to_ms);
    const spent = spentOutside(entries);
    const late_ms = Math.max(...revocations.map((revocation) => revocation.late_ms));
    const took_ms = Math.max(...revocations.map((revocation) => revocation.took_ms));
    say(
      `${name}: ${summary(entries)}; ${describeSpent(spent)}; ${revocations.length} logouts, ` +
        `answered within ${took_ms.toFixed(0)} ms, let in after that for ${late_ms.toFixed(0)} ms`,
    );
    if (long) wrong.push(...atLeast(entries, 0.999, name));
    if (late_ms > REVOKED_WITHIN_MS || revocations.some(({ open }) => open.length > 0))
      wrong.push(`${name}: a revoked session was let in ${late_ms.toFixed(0)} ms after logout`);
    // Rarer ones are told above: in them a busy machine cannot be told from Redis.
    const more_ms = percentile(spent, 0.99) - percentile(calm, 0.99);
    if (long && more_ms > SPENT_MAX_MS)
      wrong.push(`${name}: one GET in 100 spends ${more_ms.toFixed(0)} ms more than without it`);
  }
  return wrong;
}

/** What GETs have waited for Redis, by the replicas' own account. */
function judgeSpent({ fleet, long, say }: Context, episodes: readonly Episode[]): string[] {
  const answered = answeredGets(fleet.supervisor.output());
  // The hundredth of a short episode is two requests, and a loop that was held up holds them up too.
  const of = long ? 100 : 20;
  return episodes.flatMap(({ fault: { name }, began_ms, ended_ms }) => {
    const [from, to] = [performance.timeOrigin + began_ms, performance.timeOrigin + ended_ms];
    const spent = answered.flatMap(({ at, redis_ms }) => (at >= from && at <= to ? [redis_ms] : []));
    const high_ms = percentile(spent, 1 - 1 / of);
    const waited = spent.filter((ms) => ms > 0).length;
    say(
      `${name}: ${spent.length} GETs in the log, ${waited} waited for Redis, one in ${of} ${high_ms.toFixed(1)} ms, ` +
        `longest ${Math.max(0, ...spent).toFixed(1)} ms`,
    );
    if (spent.length === 0) return [`${name}: no GET is in the log`];
    if (high_ms <= SPENT_MAX_MS) return [];
    return [`${name}: one GET in ${of} waits ${high_ms.toFixed(0)} ms for Redis`];
  });
}

/** What GETs took beside the database: Redis, and what the machine has to do anyway. */
const spentOutside = (entries: readonly Entry[]): number[] =>
  entries.flatMap(({ kind, beside_database_ms }) =>
    (kind === "get" || kind === "dashboard") && beside_database_ms !== null ? [beside_database_ms] : [],
  );

function describeSpent(spent: readonly number[]): string {
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => percentile(spent, share).toFixed(1));
  return `GETs beside the database p50 ${p50}, p99 ${p99}, p99.9 ${p999} ms`;
}

/**
 * Without Redis a process goes by its share and by what it has let in itself. So when all processes are replaced then,
 * the minutes around that may have the limit twice: what the former ones let in, and what their successors do.
 */
function judgeGuesser(
  { say }: Context,
  { accepted, refused }: Guesser,
  episodes: readonly Episode[],
): string[] {
  const forgotten = episodes.find(({ fault }) => fault.forgets === true);
  const { began_ms = Infinity, ended_ms = -Infinity } = forgotten ?? {};
  const apart = [accepted.filter((at) => at < began_ms), accepted.filter((at) => at > ended_ms)];
  const most = Math.max(...apart.map(mostInAMinute));
  const around = mostInAMinute(accepted);
  say(
    `${accepted.length} logins from one address were let in, ${most} a minute at most, ` +
      `${around} around the restart without Redis; ${refused} were not`,
  );
  const wrong: string[] = [];
  const allowed = LOGINS_PER_MINUTE * 1.1;
  if (most > allowed || around > 2 * allowed)
    wrong.push(`${most} and ${around} logins in a minute, ${LOGINS_PER_MINUTE} are allowed`);
  if (around < LOGINS_PER_MINUTE * 0.9) wrong.push(`only ${around} logins in a minute were let in`);
  return wrong;
}
