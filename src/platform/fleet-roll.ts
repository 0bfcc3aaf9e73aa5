import type { Clock } from "./clock.ts";
import { newId } from "./id.ts";
import { rate_limit_hash_tag } from "./rate-limit/exchange.ts";
import { type RedisConnection, RedisUnavailable } from "./redis.ts";

/**
 * How replicas ask each other something. A question is a number that grows; every replica looks for a new one a few times
 * a second, entering itself in the roll as it does, and leaves its report under the number. So an answer is never older
 * than its question, any report answers all questions before it, and who is silent is known by name. It is polled, not
 * published: a subscriber on Bun can go deaf unnoticed (https://github.com/oven-sh/bun/issues/21621).
 */
const LOOK_INTERVAL_MS = 200;
/** Of one look: more than a request would wait, so that a slow moment does not count against the connection. */
const LOOK_DEADLINE_MS = 500;
const AWAY_INTERVAL_MS = 1_000;
const ASK_INTERVAL_MS = 25;
/** Who has not looked for so long is not waited for; one that is leaving has left. */
const SILENT_MS = 2_000;
const LEFT_MS = 500;
/** How long a replica that vanished is named. */
const NAMED_MS = 300_000;
const REPORT_LIFE_MS = 10_000;

/** Of a Redis Cluster the shared connection reaches one slot, that of the rate limits. */
const PREFIX = `{${rate_limit_hash_tag}}:fleet`;
const KEYS = [`${PREFIX}:asked`, `${PREFIX}:roll`, `${PREFIX}:reports`] as const;

/** Enters a replica (with its report, unless that is empty); returns the latest question. Ages go by the server's clock. */
const enterScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f %s %s', now, ARGV[2], ARGV[3]))
redis.call('PEXPIRE', KEYS[2], ARGV[5])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
return redis.call('GET', KEYS[1]) or '0'`;

/** A new question. Numbered by time, so that they grow on even after the server has lost its data. */
const askScript = `
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
local asked = string.format('%.0f', math.max(time[1] * 1000000 + time[2], last + 1))
redis.call('SET', KEYS[1], asked, 'PX', ARGV[1])
return asked`;

/** The roll, with the reports when asked for; strikes out who has been away for too long. */
const readScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local roll = redis.call('HGETALL', KEYS[2])
local found = {}
for at = 1, #roll, 2 do
  local seen, answered, about = string.match(roll[at + 1], '^(%d+) (%d+) (.*)$')
  if seen == nil or now - tonumber(seen) > tonumber(ARGV[1]) then
    redis.call('HDEL', KEYS[2], roll[at])
    redis.call('HDEL', KEYS[3], roll[at])
  else
    local report = ARGV[2] == '1' and redis.call('HGET', KEYS[3], roll[at]) or ''
    table.insert(found, {string.format('%.0f', math.max(now - seen, 0)), answered, about, report})
  end
end
return found`;

/** What a replica says of itself at every look. */
export type About = Readonly<{
  replica: string;
  version: string;
  /** Milliseconds since 1970. */
  started_at: number;
  /** It is about to end: once it does not answer it is gone, not missing. */
  leaving: boolean;
}>;

/** One replica of the roll. */
export type RollEntry = About &
  Readonly<{
    /** Since its last look, milliseconds. */
    age_ms: number;
    /** What it reported, unchecked: another release may say other things. Undefined: it did not answer in time. */
    report: unknown;
  }>;

export type FleetSeat = Readonly<{
  redis: RedisConnection;
  about: () => About;
  /** Made for each question; must settle by itself. A rejection is no answer. */
  report: () => Promise<unknown>;
}>;

/** Enters this process in the roll and answers questions, until the connection is closed. Trouble is waited out. */
export function joinFleet(seat: FleetSeat): void {
  const id = newId();
  void answerQuestions(seat, id);
}

async function answerQuestions(seat: FleetSeat, id: string): Promise<void> {
  let answered = "0";
  const enter = (to: string, report: string): Promise<unknown> => {
    const lives = [String(NAMED_MS), String(REPORT_LIFE_MS)];
    const args = [id, to, JSON.stringify(seat.about()), report, ...lives];
    return seat.redis.script("fleet-enter", enterScript, KEYS, args, { deadline_ms: LOOK_DEADLINE_MS });
  };
  for (;;) {
    await reachable(seat.redis);
    try {
      const asked = String(await enter(answered, ""));
      if (Number(asked) > Number(answered)) {
        await enter(asked, JSON.stringify(await seat.report()));
        // Not before: an entry that names a question has the report on it.
        answered = asked;
      }
    } catch (error) {
      if (error instanceof RedisUnavailable && error.reason === "closed") return;
    }
    await rest(LOOK_INTERVAL_MS);
  }
}

/** Waits for the connection, but not for ever: only a call tells that it was closed. */
async function reachable(redis: RedisConnection): Promise<void> {
  for (let waited_ms = 0; waited_ms < AWAY_INTERVAL_MS; waited_ms += LOOK_INTERVAL_MS) {
    if (redis.state() === "connected") return;
    await rest(LOOK_INTERVAL_MS);
  }
}

/** Does not keep the process alive. */
const rest = (duration_ms: number) =>
  new Promise<void>((resolve) => void setTimeout(resolve, duration_ms).unref());

export type Question = Readonly<{
  redis: RedisConnection;
  clock: Pick<Clock, "monotonic">;
  /** Milliseconds after which those who have not answered are named without an answer. */
  deadline_ms: number;
}>;

/**
 * Asks every replica for a report. Settles when all have answered that are not known to be away, at the latest after
 * the deadline. Who left in order, or came back as a new process of the same name, is not listed.
 *
 * @returns null when Redis does not carry the question
 */
export async function askFleet({ redis, clock, deadline_ms }: Question): Promise<RollEntry[] | null> {
  const until = clock.monotonic() + deadline_ms;
  const read = (reports: "0" | "1") =>
    redis.script("fleet-read", readScript, KEYS, [String(NAMED_MS), reports]) as Promise<Row[]>;
  try {
    const asked = Number(await redis.script("fleet-ask", askScript, KEYS, [String(NAMED_MS)]));
    for (;;) {
      const roll = entriesOf(await read("0"), asked);
      if (roll.length > 0 && !roll.some(isAwaited)) break;
      if (clock.monotonic() + ASK_INTERVAL_MS >= until) break;
      await rest(ASK_INTERVAL_MS);
    }
    return present(entriesOf(await read("1"), asked));
  } catch {
    return null;
  }
}

/** Age, number of the question answered last, `About`, report. */
type Row = readonly [age_ms: string, answered: string, about: string, report: string];

/** The rows that are entries. Read without its report, an entry's `report` says only whether there is one. */
function entriesOf(rows: readonly Row[], asked: number): RollEntry[] {
  return rows.flatMap(([age_ms, answered, told, report]) => {
    const about = parse(told);
    if (!isAbout(about)) return [];
    const given = Number(answered) < asked ? undefined : parse(report);
    return [{ ...about, age_ms: Number(age_ms), report: given }];
  });
}

/** Null for what is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function isAbout(value: unknown): value is About {
  const { replica, version, started_at, leaving } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return (
    typeof replica === "string" &&
    typeof version === "string" &&
    Number.isSafeInteger(started_at) &&
    typeof leaving === "boolean"
  );
}

const isAwaited = ({ age_ms, leaving, report }: RollEntry): boolean =>
  report === undefined && age_ms <= (leaving ? LEFT_MS : SILENT_MS);

/** Without those who do not answer for a known reason, in order of their names. */
function present(roll: readonly RollEntry[]): RollEntry[] {
  const isReplaced = ({ replica, started_at }: RollEntry) =>
    roll.some((other) => other.replica === replica && other.started_at > started_at);
  return roll
    .filter((one) => one.report !== undefined || !(one.leaving || isReplaced(one)))
    .toSorted((one, other) => one.replica.localeCompare(other.replica) || one.started_at - other.started_at);
}
