import { between, pick } from "../../cache/chaos/random.ts";
import { type Client, type Fate, requestText } from "./client.ts";
import { namesOf } from "./logins.ts";
import { percentile } from "./record.ts";
import type { Member } from "./rig.ts";
import { atLeast, effectsHold, type Context, type Scenario, underLoad } from "./scenario.ts";

/** An answer of class `bounded` is at most this old (cache.md), and this is what a busy machine adds. */
const BOUND_MS = 1_000;
const SLACK_MS = 50;
const ANSWER_MAX_MS = 10_000;
/** Numbers that a setting can have. */
const MARKS = 10_000;

/** Something that is written on one replica and read on all: what to send, and the mark that a write leaves in answers. */
type Thing = Readonly<{
  what: string;
  /** Not older than any finished write, wherever it is read. */
  strict: boolean;
  method: "PATCH" | "PUT";
  path: string;
  token: string;
  /** The body that writes this number, and the number in an answer. */
  body(mark: number): unknown;
  mark(body: string): number;
}>;

const unit = (id: string, token: string): Thing => ({
  what: "a unit",
  strict: false,
  method: "PATCH",
  path: `/api/v1/units/${id}`,
  token,
  body: (mark) => ({ location: `place ${mark}` }),
  mark: (body) => Number(/"location" ?: ?"place (\d+)"/.exec(body)?.[1] ?? 0),
});

const person = ({ access_token: token }: Member): Thing => ({
  what: "a person",
  strict: true,
  method: "PATCH",
  path: "/api/v1/me",
  token,
  body: (mark) => ({ full_name: `Person ${mark}` }),
  mark: (body) => Number(/"full_name" ?: ?"Person (\d+)"/.exec(body)?.[1] ?? 0),
});

const setting = ({ access_token: token }: Member): Thing => ({
  what: "a setting",
  strict: true,
  method: "PUT",
  path: "/api/v1/settings/shop.over_production_bps",
  token,
  body: (mark) => ({ value: mark }),
  mark: (body) => Number(/"value" ?: ?(\d+)/.exec(body)?.[1] ?? 0),
});

/** What was seen of one kind of thing. */
type Seen = {
  writes: number;
  stale_here: number;
  stale_there: number;
  new_there_ms: number[];
  failed: Set<string>;
};

const nothingSeen = (): Seen => ({
  writes: 0,
  stale_here: 0,
  stale_there: 0,
  new_there_ms: [],
  failed: new Set(),
});

export const twoReplicas: Scenario = {
  id: "R14",
  title: "what is written on one replica is read on another",
  async run(context) {
    const { fleet, long, say } = context;
    const names = await namesOf(fleet);
    const clients = names.map((name) => fleet.direct(name, ANSWER_MAX_MS));
    const seen: Record<"bounded" | "strict", Seen> = { bounded: nothingSeen(), strict: nothingSeen() };
    const [owner] = fleet.members;
    if (owner === undefined) throw new Error("nobody is logged in");
    const things = [
      ...fleet.unit_ids.slice(0, 6).map((id) => unit(id, owner.access_token)),
      // One session of each person.
      ...fleet.members.slice(0, 3).map(person),
      setting(owner),
    ];
    const traffic = await underLoad(context, async () => {
      const end_ms = performance.now() + (long ? 180_000 : 4_000);
      await Promise.all(things.map((thing) => follow(context, { thing, clients, seen, end_ms })));
    });
    for (const client of clients) client.close();
    const wrong = Object.entries(seen).flatMap(([kind, of]) => {
      const { writes, stale_here, stale_there, new_there_ms, failed } = of;
      const [p50, p99] = [0.5, 0.99].map((share) => percentile(new_there_ms, share).toFixed(1));
      say(
        `${kind}: ${writes} writes, old on the same replica ${stale_here}, too old on another ${stale_there}; ` +
          `new there after p50 ${p50}, p99 ${p99}, at most ${Math.max(0, ...new_there_ms).toFixed(1)} ms`,
      );
      return [
        ...(writes === 0 ? [`${kind}: nothing was written`] : []),
        ...(stale_here > 0 ? [`${kind}: ${stale_here} reads did not see a write of the same replica`] : []),
        ...(stale_there > 0 ? [`${kind}: ${stale_there} reads on another replica were too old`] : []),
        ...[...failed].map((failure) => `${kind}: ${failure}`),
      ];
    });
    const { entries } = traffic.recorder;
    return [...wrong, ...atLeast(entries, 0.99, "the load"), ...(await effectsHold(fleet, entries))];
  },
};

/** Writes and reads one thing, of which nobody else writes, until the time is over. */
async function follow(
  { random }: Context,
  options: {
    thing: Thing;
    clients: readonly Client[];
    seen: Record<"bounded" | "strict", Seen>;
    end_ms: number;
  },
): Promise<void> {
  const { thing, clients } = options;
  const seen = options.seen[thing.strict ? "strict" : "bounded"];
  const read = requestText({ method: "GET", path: thing.path, token: thing.token });
  const first = await pick(random, clients).send(read);
  let mark = thing.mark(first.body);
  let etag = first.headers["etag"] ?? "";
  while (performance.now() < options.end_ms) {
    mark = (mark + 1) % MARKS;
    const here = pick(random, clients);
    const there = pick(
      random,
      clients.filter((client) => client !== here),
    );
    const { method, path, token } = thing;
    const headers = { "If-Match": etag };
    const write = requestText({ method, path, token, body: thing.body(mark), headers });
    const written = await here.send(write);
    const answered_ms = performance.now();
    if (!succeeded(written, seen.failed, `writing ${thing.what}`)) continue;
    etag = written.headers["etag"] ?? "";
    seen.writes += 1;
    const own = await here.send(read);
    if (succeeded(own, seen.failed, `reading ${thing.what}`) && thing.mark(own.body) !== mark)
      seen.stale_here += 1;
    // Mostly at once; now and then later, when a belief may have been renewed meanwhile.
    if (random() < 0.2) await Bun.sleep(between(random, 0, 100));
    await untilNew({ thing, there, mark, answered_ms, seen, read });
  }
}

/** Reads on the other replica until it has the write, and notes each answer that should have had it. */
async function untilNew(options: {
  thing: Thing;
  there: Client;
  mark: number;
  answered_ms: number;
  seen: Seen;
  read: string;
}): Promise<void> {
  const { thing, there, mark, answered_ms, seen, read } = options;
  const allowed_ms = thing.strict ? 0 : BOUND_MS + SLACK_MS;
  for (;;) {
    const after_ms = performance.now() - answered_ms;
    const fate = await there.send(read);
    if (!succeeded(fate, seen.failed, `reading ${thing.what}`)) return;
    if (thing.mark(fate.body) === mark) return void seen.new_there_ms.push(after_ms);
    if (after_ms >= allowed_ms) seen.stale_there += 1;
    if (after_ms > 2 * BOUND_MS) return;
    await Bun.sleep(2);
  }
}

function succeeded({ status, failure, body }: Fate, failed: Set<string>, what: string): boolean {
  if (status === 200) return true;
  failed.add(`${what}: ${failure ?? `${status} ${body.slice(0, 200)}`}`);
  return false;
}
