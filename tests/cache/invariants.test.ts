import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { FAULTS } from "./chaos/faults.ts";

/** What the cache promises, and where each promise is held: files, and names of tests as they stand there. */
type Proof = readonly [file: string, ...names: string[]];
type Invariant = Readonly<{ must: string; proofs: readonly Proof[]; faults?: readonly string[] }>;

const MODEL: Proof = [
  "cache/model.test.ts",
  "no history ends with an answer older than its class allows (I1, I2, I3), nothing is left over (I4, I13, I15)",
];
const CHAOS: Proof = [
  "cache/chaos.test.ts",
  "one fault after the other: no answer older than its class allows, in four processes",
];

const INVARIANTS: Readonly<Record<string, Invariant>> = {
  I1: {
    must: "the own process never serves older after `invalidate`",
    proofs: [
      MODEL,
      CHAOS,
      ["cache/get.test.ts", "nothing older is served after an invalidation that could not be delivered"],
      ["cache/cell.test.ts", "nothing begun before them is valid, and nothing of L2 is believed"],
    ],
  },
  I2: {
    must: "any process: strict none after the answer; bounded 50 ms behind, 1,050 ms under every fault",
    proofs: [
      MODEL,
      CHAOS,
      ["cache/checker.test.ts", "a strict answer may be older than a commit, and not than an answered one"],
      ["cache/checker.test.ts", "over a second nothing is excused"],
      ["cache/relay.test.ts", "nobody is live on another Redis while a lease of the one before may hold"],
      [
        "api/cache-writes.test.ts",
        "strict answers are never older than the answer to the write, on any replica",
      ],
    ],
  },
  I3: {
    must: "what began before a bump is never seen after it",
    proofs: [
      MODEL,
      ["cache/orders.test.ts", "in every order of events, nothing older is served than the class allows"],
      [
        "cache/get.test.ts",
        "the race that matters: a bump during the load keeps the answer out of both tiers",
      ],
    ],
  },
  I4: {
    must: "lost reads, killed connections, a trimmed stream: as fresh, and live again",
    proofs: [
      CHAOS,
      [
        "cache/bus.test.ts",
        "a killed connection costs no bump, and the cell lives again in less than a second",
      ],
      [
        "cache/bus.test.ts",
        "entries that were trimmed before they were read are a gap: opened again, floor raised",
      ],
      [
        "cache/bus.test.ts",
        "a half-open connection ends the lease within its second, and new ones take over",
      ],
    ],
    faults: [
      "connections killed",
      "stream trimmed",
      "all connections half open",
      "the network stalls now and then",
    ],
  },
  I5: {
    must: "Redis frozen, slow, full or gone: nobody waits for it, calls in flight stay few",
    proofs: [
      CHAOS,
      [
        "cache/order.test.ts",
        "frozen: every call ends in time, their number stays bounded, the lease lapses by itself, and it comes back",
        "absent at start: calls are refused at once, and everything comes up when it comes",
      ],
      [
        "api/cache-trouble.test.ts",
        "two replicas that lose it go on answering, at most a second old, and use it again when it is back",
      ],
    ],
    faults: [
      "redis frozen",
      "redis frozen for long",
      "redis slow by 500 ms",
      "everyone refused",
      "redis full",
      "redis absent at start",
      "postgres frozen",
      "postgres killed and back",
    ],
  },
  I6: {
    must: "old snapshots, FLUSHALL, eviction, failover, split and moved slots: nothing stale",
    proofs: [
      CHAOS,
      [
        "cache/order.test.ts",
        "after FLUSHALL nothing of before is read, and the cell lives again within a second or so",
        "a server that comes back from an old snapshot begins a new generation",
        "a lost counter, a lost stream and a lost generation each begin a new one",
      ],
      [
        "cache/cluster.test.ts",
        "a slot that moves takes its cell to a new generation; the other cells go on",
        "a failover takes the cells of that master to new generations",
      ],
      [
        "cache/relay.test.ts",
        "a move to another Redis begins a new generation there, even if it has an old one",
      ],
    ],
    faults: [
      "redis killed, back with an old snapshot",
      "redis killed, back and empty",
      "FLUSHALL",
      "random keys removed",
      "eviction of all keys alike",
      "eviction of what expires",
      "split: one worker on another redis",
      "move to another redis and back",
    ],
  },
  I7: {
    must: "clocks that are 15 minutes off or stepped, Redis's included, change nothing",
    proofs: [
      MODEL,
      CHAOS,
      ["cache/cell.test.ts", "a suspended machine and a stepped clock are lapses, in either direction"],
      ["cache/bus.test.ts", "a suspended machine (the wall clock jumped) is a lapse"],
    ],
    faults: ["wall clocks stepped by up to 15 minutes"],
  },
  I8: {
    must: "a writer killed between COMMIT and bump: known within half a second, no row left",
    proofs: [
      CHAOS,
      [
        "cache/relay.test.ts",
        "a writer killed between COMMIT and bump: everyone knows within half a second, and no row is left",
        "what was committed while Redis was away is delivered on its return",
      ],
    ],
    faults: ["writer killed between COMMIT and bump", "relay killed between COMMIT and bump"],
  },
  I9: {
    must: "one load for all, two at most; a failing one once at a time in a process",
    proofs: [
      CHAOS,
      [
        "cache/answers.test.ts",
        "1,000 callers at each of 4 cold replicas: at most two loads",
        "a load that fails runs once at a time in a process, and reaches all who wait",
      ],
    ],
  },
  I10: {
    must: "a clear starves nobody",
    proofs: [
      CHAOS,
      [
        "cache/answers.test.ts",
        "I10: after a clear no more is loaded at once than the places allow, and everyone is answered",
      ],
      ["cache/l1.test.ts", "a semaphore lets so many run, so many wait, in order, and refuses the rest"],
    ],
    faults: ["everything cleared"],
  },
  I11: {
    must: "the answer is the caller's, the encoding injective",
    proofs: [
      ["cache/answers.test.ts", "I11: whoever asks, from whatever tier, gets what is theirs"],
      ["cache/key.test.ts", "is injective, also as stored, whatever the parts hold"],
      ["cache/key.test.ts", "with ids made to deceive is never another's"],
      ["cache/entry.test.ts", "of other parts is a miss, so that not even a colliding hash leaks"],
    ],
  },
  I12: {
    must: "0, false, empty and null are values; limits are exact to the byte, in both tiers",
    proofs: [
      [
        "cache/answers.test.ts",
        "I12: every value is a value",
        "${name} is kept in both tiers",
        '${size} bytes: ${inProcess ? "" : "not "}in L1, ${inRedis ? "" : "not "}in L2',
      ],
      [
        "cache/get.test.ts",
        "null, empty and falsy values are values; null is kept only where it is asked for",
      ],
      ["cache/get.test.ts", "sizes around each limit are kept or refused exactly"],
    ],
  },
  I13: {
    must: "L1 keeps within its bytes; tables, flights and waits return to nothing",
    proofs: [
      MODEL,
      CHAOS,
      [
        "cache/answers.test.ts",
        "I13: L1 stays within its bytes over many keys, and nothing is left when all is answered",
      ],
      ["cache/l1.test.ts", "stays within its bytes, keys included, and its figures return to zero"],
      ["cache/cell.test.ts", "the table forgets what no answer in L1 can be older than"],
    ],
  },
  I14: {
    must: "a handler cannot change a cached value",
    proofs: [
      [
        "cache/answers.test.ts",
        "I14: a handler cannot change a value that is cached, nor the loader one that it gave",
      ],
      ["cache/get.test.ts", "nobody can change a value of query()"],
      ["cache/definition.test.ts", "the types have nothing that writes to the bytes that callers share"],
    ],
  },
  I15: {
    must: "hits, misses and bypasses are the lookups, over replicas",
    proofs: [
      MODEL,
      CHAOS,
      ["cache/answers.test.ts", "I15: hits, misses and bypasses are the lookups, summed over replicas"],
      [
        "api/cache-operations.test.ts",
        "add up the replicas, and every lookup ended as a hit, a miss or a bypass",
      ],
    ],
  },
  I16: {
    must: "corrupt, cut, older and newer entries are misses",
    proofs: [
      [
        "cache/answers.test.ts",
        "I16: what is cut, changed, older or newer in Redis is a counted miss, and nobody throws",
      ],
      ["cache/entry.test.ts", "cut, changed or made up is a miss and never throws"],
    ],
  },
  I17: {
    must: "what was revoked is refused: by whoever hears the order at once, by whoever is cut off within a second",
    proofs: [
      CHAOS,
      [
        "cache/checker.test.ts",
        "a replica that knows itself cut off may lag by a second where writers wait, and nowhere else",
      ],
      [
        "cache/relay.test.ts",
        "a stopped replica delays the writer to COMMIT + 1,000 ms at most, and is retired",
        "a registry that was lost confirms nothing",
      ],
    ],
    faults: [
      "one worker cut off, connections half open",
      "one worker refused",
      "worker stopped and continued",
    ],
  },
  I18: {
    must: "one hit of a thousand is loaded again, and what differs without a bump is counted",
    proofs: [
      [
        "cache/shadow.test.ts",
        "is loaded again and found to be the same",
        "shows a change that nobody announced, and says so once a minute",
        "is not wrong when the bump of the change was only on its way",
      ],
    ],
  },
};

/** Each test and each group of tests that a file has, by the name that stands there. */
function namesIn(file: string): Set<string> {
  const text = readFileSync(`tests/${file}`, "utf8");
  const found = text.matchAll(/\b(?:test|describe)\(\s*("(?:[^"\\]|\\.)*"|`[^`]*`)/g);
  return new Set([...found].map(([, quoted = ""]) => quoted.slice(1, -1)));
}

describe("every promise is held by a test that exists", () => {
  for (const [name, { must, proofs, faults = [] }] of Object.entries(INVARIANTS)) {
    test(`${name}: ${must}`, () => {
      const missing = proofs.flatMap(([file, ...names]) => {
        const known = namesIn(file);
        return names.filter((one) => !known.has(one)).map((one) => `${file}: ${one}`);
      });
      expect(missing).toEqual([]);
      const known = new Set(FAULTS.map((fault) => fault.name));
      expect(faults.filter((fault) => !known.has(fault))).toEqual([]);
    });
  }

  test("none is forgotten", () => {
    const numbers = Array.from({ length: 18 }, (_, at) => `I${at + 1}`);
    expect(Object.keys(INVARIANTS)).toEqual(numbers);
  });
});
