import { between, pick } from "../../cache/chaos/random.ts";
import { requestText } from "./client.ts";
import { mostInAMinute } from "./logins.ts";
import { type Fleet, getText } from "./rig.ts";
import { type Context, type Scenario } from "./scenario.ts";

const PER_MINUTE = 300;
const LOGINS_PER_MINUTE = 30;
/** How far the fleet's total may be off (http.md, Rate limits). */
const TOLERANCE = 0.1;
const ANSWER_MAX_MS = 10_000;
/** Whom the lies name, among others. */
const VICTIM = "198.51.100.23";

const limited = {
  replicas: 4,
  env: {
    RATE_LIMIT_PER_MINUTE: String(PER_MINUTE),
    LOGIN_RATE_LIMIT_PER_MINUTE: String(LOGINS_PER_MINUTE),
  },
  measured: false,
} as const;

/** What a client may say of where it is: one lie, several at once, none. */
const lies: readonly ((address: string) => Readonly<Record<string, string>>)[] = [
  () => ({}),
  (address) => ({ "X-Forwarded-For": address }),
  (address) => ({ "X-Forwarded-For": `${address}, 127.0.0.1` }),
  (address) => ({ "X-Forwarded-For": `127.0.0.1, ${address}, 10.0.0.1` }),
  (address) => ({ Forwarded: `for=${address};proto=https;by=127.0.0.1` }),
  (address) => ({ "X-Real-IP": address }),
  (address) => ({ "True-Client-IP": address, "CF-Connecting-IP": address, "X-Client-IP": address }),
  (address) => ({ X_Forwarded_For: address }),
  (address) => ({ "X-Forwarded-For": `"${address}", unknown, _hidden, ::ffff:${address}, [::1]:80, ,;` }),
  (address) => ({ "X-Forwarded-For": "9".repeat(4_000), "X-Real-IP": address, Forwarded: "for=;;=" }),
];

function lie(random: () => number): Readonly<Record<string, string>> {
  const anybody = [0, 0, 0].map(() => between(random, 0, 255)).join(".");
  return pick(random, lies)(random() < 0.3 ? VICTIM : `93.${anybody}`);
}

/** What was let in, when, in milliseconds; and answers that are neither that nor 429. */
type Asked = { let_in: number[]; refused: number; odd: Set<string> };

/** Sends `count` requests, so many a second or, for null, as fast as some connections can. */
async function askAll(
  fleet: Fleet,
  options: { count: number; per_second: number | null; text: () => string; good: number },
): Promise<Asked> {
  const { count, per_second, text, good } = options;
  const client = fleet.client(ANSWER_MAX_MS);
  const asked: Asked = { let_in: [], refused: 0, odd: new Set() };
  const began = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const at = next;
      next += 1;
      if (per_second !== null) await Bun.sleep(began + (at * 1_000) / per_second - performance.now());
      const { status, failure, body } = await client.send(text());
      if (status === good) asked.let_in.push(performance.now());
      else if (status === 429) asked.refused += 1;
      else asked.odd.add(failure ?? `${status} ${body.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  client.close();
  return asked;
}

function judge({ say }: Context, what: string, limit: number, { let_in, refused, odd }: Asked): string[] {
  const most = mostInAMinute(let_in.toSorted((a, b) => a - b));
  say(`${what}: ${most} a minute were let in, ${limit} are allowed; ${refused} were refused`);
  const wrong = [...odd].map((answer) => `${what}: ${answer}`);
  if (Math.abs(most - limit) > limit * TOLERANCE) wrong.push(`${what}: ${most} a minute instead of ${limit}`);
  if (refused === 0) wrong.push(`${what}: nobody was refused`);
  return wrong;
}

export const spoofedAddress: Scenario = {
  id: "L1",
  title: "lies about the client's address move no limit",
  ...limited,
  async run(context) {
    const { fleet, random, long } = context;
    // Nobody is logged in: 401, counted against the address.
    const strangers = await askAll(fleet, {
      count: PER_MINUTE * 2,
      per_second: null,
      text: () => requestText({ method: "GET", path: "/api/v1/me", headers: lie(random) }),
      good: 401,
    });
    const guess = { username: "chaos.owner", password: "a wrong password" };
    const logins = await askAll(fleet, {
      count: LOGINS_PER_MINUTE * 2,
      // A login that waits too long for Redis, as some of many at once do on a busy machine, is let in by its replica's share.
      per_second: long ? null : 20,
      text: () =>
        requestText({ method: "POST", path: "/api/v1/auth/login", body: guess, headers: lie(random) }),
      good: 401,
    });
    return [
      ...judge(context, "requests without a login", PER_MINUTE, strangers),
      ...judge(context, "logins", LOGINS_PER_MINUTE, logins),
      ...(await victimIsFree(fleet)),
    ];
  },
};

/** Whom the lies named has all of its quota; asked where an address is believed. */
async function victimIsFree(fleet: Fleet): Promise<string[]> {
  const client = fleet.direct("api-1", ANSWER_MAX_MS);
  const headers = { "X-Forwarded-For": VICTIM };
  const { status, headers: told } = await client.send(
    requestText({ method: "GET", path: "/api/v1/me", headers }),
  );
  client.close();
  const left = Number(/"minute";r=(\d+)/.exec(told["ratelimit"] ?? "")?.[1] ?? 0);
  return status === 401 && left >= PER_MINUTE * (1 - TOLERANCE)
    ? []
    : [`whom the lies named has ${left} of ${PER_MINUTE} requests left (answered ${status})`];
}

export const sharedLimit: Scenario = {
  id: "L2",
  title: "the limit of a member over four replicas",
  ...limited,
  async run(context) {
    const { fleet, long } = context;
    const [owner, admin] = fleet.members;
    if (owner === undefined || admin === undefined) throw new Error("nobody is logged in");
    const text = (token: string) => () => getText("/api/v1/me", token);
    // The slow one is just above what is allowed, in the short form four times as fast.
    const slow = long ? { per_second: 8, count: 8 * 150 } : { per_second: 40, count: 400 };
    const [high, low] = await Promise.all([
      askAll(fleet, { count: PER_MINUTE * 3, per_second: null, text: text(owner.access_token), good: 200 }),
      askAll(fleet, { ...slow, text: text(admin.access_token), good: 200 }),
    ]);
    return [
      ...judge(context, "a member at full speed", PER_MINUTE, high),
      ...judge(context, `a member at ${slow.per_second}/s`, PER_MINUTE, low),
    ];
  },
};
