import type { SQL } from "bun";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseUnavailable } from "../../src/platform/db/errors.ts";
import type { WriteLane } from "../../src/platform/db/lane.ts";
import type { LaneName } from "../../src/platform/db/settings.ts";
import { until } from "../helpers/cache-order.ts";
import { connect } from "../helpers/database.ts";
import { failureOf } from "../helpers/failure.ts";
import { echo, keepLog, reasonOf, sleep, statement, testLane, timed } from "../helpers/lanes.ts";
import { freePort, makeTestFolder, type Service, startTestPostgres } from "../helpers/services.ts";
import { freezePostgres } from "../helpers/signals.ts";
import { startTcpProxy } from "../helpers/tcp-proxy.ts";

/** A server of our own: these tests stop, freeze and kill it. */
const folder = makeTestFolder();
let port: string;
let postgres: Service;
let admin: SQL;
const lanes: WriteLane[] = [];
const strays: unknown[] = [];
const stray = (error: unknown): void => void strays.push(error);

const start = async (): Promise<void> => {
  postgres = await startTestPostgres(folder, { settings: { port } });
  admin = connect(postgres.url);
};
const stop = async (): Promise<void> => {
  await admin.close();
  await postgres.stop();
};

beforeAll(async () => {
  process.on("unhandledRejection", stray);
  port = String(await freePort());
  await start();
  await admin.unsafe("create table written (id int)");
});
afterEach(async () => {
  await Promise.all(lanes.splice(0).map((lane) => lane.close({ timeout_s: 0 })));
});
afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
  process.off("unhandledRejection", stray);
});

const open = (name: LaneName, options: Partial<Parameters<typeof testLane>[1]> = {}): WriteLane => {
  const lane = testLane(name, { url: postgres.url, ...options });
  lanes.push(lane);
  return lane;
};

const write = statement<{ id: number }, { id: number }>(
  "insert into written values ($1::int) returning id",
  "id",
);

type Answer = { at_ms: number; took_ms: number; error: unknown };

/** Callers in a closed loop on one lane, until told to stop. */
function load(lane: WriteLane, callers: number, query: (id: number) => Promise<{ id: number }[]>) {
  const answers: Answer[] = [];
  const begun = new Map<number, number>();
  let [running, next] = [true, 0];
  const caller = async (): Promise<void> => {
    while (running) {
      const id = next++;
      const at_ms = performance.now();
      begun.set(id, at_ms);
      const error = await query(id).then(
        (rows) => (rows.length === 1 && rows[0]?.id === id ? null : new Error(`wrong rows for ${id}`)),
        (reason: unknown) => reason,
      );
      begun.delete(id);
      answers.push({ at_ms, took_ms: performance.now() - at_ms, error });
      if (error !== null) await Bun.sleep(5);
    }
  };
  const ended = Promise.all(Array.from({ length: callers }, caller));
  return {
    name: lane.name,
    /** Whether every call is answered that began before. */
    isPast: (at_ms: number): boolean => [...begun.values()].every((began_ms) => began_ms > at_ms),
    stop: async (): Promise<Answer[]> => {
      running = false;
      await ended;
      return answers;
    },
  };
}

const loadAll = (options: Partial<Parameters<typeof testLane>[1]> = {}) => {
  const [fast, writing, report] = [open("fast", options), open("write", options), open("report", options)];
  return [
    load(fast, 16, (id) => fast.query(echo, { id })),
    load(writing, 6, (id) => writing.query(write, { id })),
    load(report, 4, (id) => report.query(echo, { id })),
  ];
};

const deadlines_ms = { fast: 2_000, write: 6_000, report: 11_000 };

describe("PostgreSQL is restarted under load", () => {
  test("every call is answered in time, only as unavailable, and service resumes by itself", async () => {
    const loads = loadAll();
    await Bun.sleep(300);
    const stopped_ms = performance.now();
    await stop();
    await Bun.sleep(2_500);
    await start();
    const back_ms = performance.now();
    await Bun.sleep(2_500);
    for (const { name, stop: stopLoad } of loads) {
      const answers = await stopLoad();
      const errors = answers.filter(({ error }) => error !== null);
      const other = errors.filter(({ error }) => !(error instanceof DatabaseUnavailable));
      expect(other).toEqual([]);
      expect(errors.length).toBeGreaterThan(0);
      expect(Math.max(...answers.map(({ took_ms }) => took_ms))).toBeLessThan(deadlines_ms[name] + 500);
      // Whatever was under way when it went may fail, however long a busy machine had it under way by then.
      const untimely = ({ at_ms, took_ms }: Answer): boolean =>
        at_ms + took_ms < stopped_ms || at_ms > back_ms + 2_000;
      expect(errors.filter(untimely)).toEqual([]);
      // A second of absence is waited for; then calls are refused at once.
      const late = errors.filter(({ at_ms }) => at_ms > stopped_ms + 2_000 && at_ms < back_ms - 400);
      expect(late.length).toBeGreaterThan(0);
      expect(Math.max(...late.map(({ took_ms }) => took_ms))).toBeLessThan(500);
    }
    expect(strays).toEqual([]);
  }, 15_000);
});

describe("PostgreSQL is frozen", () => {
  test("calls end with their deadline, the queue stays bounded, and all goes on after it", async () => {
    const loads = loadAll({ settings: { deadline_ms: 600, statement_timeout_ms: 100, queue_max: 20 } });
    await Bun.sleep(200);
    const wake = freezePostgres(join(folder, "data/postgres"));
    const frozen_ms = performance.now();
    await Bun.sleep(2_500);
    wake();
    const woken_ms = performance.now();
    await Bun.sleep(1_200);
    for (const { stop: stopLoad } of loads) {
      const answers = await stopLoad();
      // Well before the server woke: by the deadline, not by its answer.
      expect(Math.max(...answers.map(({ took_ms }) => took_ms))).toBeLessThan(2_400);
      const errors = answers.filter(({ error }) => error !== null);
      expect(errors.filter(({ error }) => !(error instanceof DatabaseUnavailable))).toEqual([]);
      expect(errors.length).toBeGreaterThan(0);
      expect(errors.filter(({ at_ms }) => at_ms < frozen_ms - 700 || at_ms > woken_ms + 1_000)).toEqual([]);
      expect(answers.filter(({ at_ms, error }) => at_ms > woken_ms && error === null).length).toBeGreaterThan(
        10,
      );
    }
    expect(strays).toEqual([]);
  }, 15_000);
});

describe("backends are killed at random under load", () => {
  test("no wrong answer, no hang, and reads hardly notice", async () => {
    const loads = loadAll();
    const victims = "application_name like 'countinghouse/test/%' and datname = current_database()";
    for (let kill = 0; kill < 25; kill++) {
      await Bun.sleep(40);
      await admin.unsafe(
        `select pg_terminate_backend(pid) from pg_stat_activity where ${victims} order by random() limit 1`,
      );
      // A read is sent again once: nobody is to lose two connections, however slow the machine is.
      const killed_ms = performance.now();
      await until("what was under way is answered", () => loads.every(({ isPast }) => isPast(killed_ms)));
    }
    const counts: Record<string, { answers: number; errors: number }> = {};
    for (const { name, stop: stopLoad } of loads) {
      const answers = await stopLoad();
      const errors = answers.filter(({ error }) => error !== null);
      counts[name] = { answers: answers.length, errors: errors.length };
      expect(errors.filter(({ error }) => !(error instanceof DatabaseUnavailable))).toEqual([]);
      expect(Math.max(...answers.map(({ took_ms }) => took_ms))).toBeLessThan(1_000);
    }
    expect(counts["fast"]?.errors).toBe(0);
    expect(counts["report"]?.errors).toBe(0);
    // A write that was under way is the caller's to resolve: it may have happened.
    expect(counts["write"]?.errors).toBeLessThanOrEqual(25);
    expect(strays).toEqual([]);
  }, 15_000);

  test("a write is never sent twice", async () => {
    const lane = open("write", { settings: { max: 1 } });
    await admin.unsafe("truncate written");
    const slow = statement<{ id: number }, { id: number }>(
      "with slow as materialized (select pg_sleep(0.2)) insert into written select $1::int from slow returning id",
      "id",
    );
    const lost = reasonOf(lane.query(slow, { id: 7 }));
    await Bun.sleep(100);
    await admin`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'countinghouse/test/write' and state = 'active'`;
    expect(await lost).toBe("connection");
    await Bun.sleep(400);
    expect(await admin`select id from written`).toEqual([]);
    expect(await lane.query(write, { id: 8 })).toEqual([{ id: 8 }]);
  });

  test("a transaction that loses its connection fails, and the lane goes on", async () => {
    const lane = open("write", { settings: { max: 1 } });
    const lost = lane.begin(async (transaction) => {
      await transaction.query(write, { id: 20 });
      await admin`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'countinghouse/test/write'`;
      await transaction.query(write, { id: 21 });
    });
    expect(await reasonOf(lost)).toBe("connection");
    expect(await lane.query(echo, { id: 1 })).toEqual([{ id: 1 }]);
    expect(await admin`select id from written where id in (20, 21)`).toEqual([]);
  });
});

describe("connections", () => {
  test("are renewed after their lifetime, under load, without an error", async () => {
    const lane = open("fast", { settings: { lifetime_ms: 50 } });
    const renewing = load(lane, 16, (id) => lane.query(echo, { id }));
    await until("twenty were renewed", () => lane.stats().opened > 20, 20_000);
    const answers = await renewing.stop();
    expect(answers.filter(({ error }) => error !== null)).toEqual([]);
  });

  test("that were idle and died in silence are found by a probe before they are used", async () => {
    const proxy = await startTcpProxy(postgres.url);
    const log = keepLog();
    const lane = open("write", { url: proxy.url, log, settings: { max: 1, probe_after_ms: 50 } });
    expect(await lane.query(write, { id: 1 })).toEqual([{ id: 1 }]);
    await Bun.sleep(60);
    expect(await lane.query(write, { id: 2 })).toEqual([{ id: 2 }]);
    expect(lane.stats().opened).toBe(1);
    await Bun.sleep(60);
    proxy.blackHole();
    const { result, took_ms } = await timed(() => lane.query(write, { id: 3 }));
    expect(result).toEqual([{ id: 3 }]);
    expect(took_ms).toBeWithin(900, 10_000);
    expect(lane.stats().opened).toBe(2);
    expect(log.lines.map(({ message }) => message)).toContain("replacing a stuck connection");
    proxy.stop();
  });

  test("that die in silence under a query are replaced, and nobody waits longer than the deadline", async () => {
    const proxy = await startTcpProxy(postgres.url);
    const settings = { deadline_ms: 500, statement_timeout_ms: 100, max: 2 };
    const lane = open("report", { url: proxy.url, settings });
    // Both are open: one that dies while it is being opened is another matter, of the time a connection may take.
    await until("both are open", async () => {
      await Promise.all([lane.query(sleep, { seconds: 0.01 }), lane.query(sleep, { seconds: 0.01 })]);
      return lane.stats().opened === 2;
    });
    const asked = [1, 2].map((id) => timed(() => reasonOf(lane.query(echo, { id }))));
    proxy.blackHole();
    for (const { result, took_ms } of await Promise.all(asked)) {
      if (result !== null) expect(result).toBe("deadline");
      expect(took_ms).toBeLessThan(900);
    }
    const recovered = async (): Promise<boolean> => (await reasonOf(lane.query(echo, { id: 3 }))) === null;
    const { took_ms } = await timed(async () => {
      while (!(await recovered())) await Bun.sleep(10);
    });
    expect(took_ms).toBeLessThan(2_500);
    proxy.stop();
  });

  test("that the server has no room for are done without", async () => {
    await admin.unsafe(
      "create role crowded login password 'crowded' connection limit 2; grant all on written to crowded",
    );
    const url = new URL(postgres.url);
    [url.username, url.password] = ["crowded", "crowded"];
    const lane = open("report", { url: url.href, settings: { max: 5 } });
    const calls = Array.from({ length: 40 }, (_, id) => lane.query(echo, { id }));
    expect((await Promise.all(calls.map(failureOf))).filter((error) => error !== null)).toEqual([]);
    // Two at most; the calls may be done before the second is open.
    expect(lane.stats().size).toBeWithin(1, 3);
  });

  test("to no server: the first calls wait a moment for one, the others are refused at once", async () => {
    const lane = open("fast", { url: `postgres://nobody@127.0.0.1:${await freePort()}/none` });
    const first = await timed(() => reasonOf(lane.query(echo, { id: 1 })));
    expect(first.result).toBe("connection");
    expect(first.took_ms).toBeGreaterThan(900);
    const next = await timed(() => reasonOf(lane.query(echo, { id: 1 })));
    expect(next.result).toBe("connection");
    expect(next.took_ms).toBeLessThan(first.took_ms / 2);
  });

  test("with a wrong password are unavailable to callers, and the log says why", async () => {
    const url = new URL(postgres.url);
    url.username = "nobody_of_that_name";
    const log = keepLog();
    const lane = open("fast", { url: url.href, log });
    expect(await reasonOf(lane.query(echo, { id: 1 }))).toBe("connection");
    expect(JSON.stringify(log.lines)).toContain("cannot connect to the database");
  });
});
