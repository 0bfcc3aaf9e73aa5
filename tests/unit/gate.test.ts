import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { DatabaseUnavailable } from "../../src/platform/db/errors.ts";
import { Gate, Job, type JobState } from "../../src/platform/db/gate.ts";

class TestJob extends Job {
  readonly abortable = true;
  readonly name: string;
  gone = false;

  constructor(name: string) {
    super();
    this.name = name;
  }

  aborted(): boolean {
    return this.gone;
  }
}

type Ending = { name: string; why: string; reason: string | null; was: JobState };

let room: number;
let refusal: Error | null;
let started: string[];
let endings: Ending[];
let gate: Gate<TestJob>;

beforeEach(() => {
  room = 1;
  refusal = null;
  started = [];
  endings = [];
  gate = new Gate<TestJob>(
    {
      start(job) {
        if (refusal !== null) return refusal;
        if (room === 0) return false;
        room--;
        started.push(job.name);
        return true;
      },
      ended(job, why, error, was) {
        const reason = error instanceof DatabaseUnavailable ? error.reason : null;
        endings.push({ name: job.name, why, reason, was });
      },
      tick: () => {},
    },
    { queue_max: 3, deadline_ms: 100, sweep_ms: 1_000_000 },
  );
});
afterEach(() => gate.stop());

const enter = (name: string, now_ms: number): TestJob => {
  const job = new TestJob(name);
  gate.enter(job, now_ms);
  return job;
};

const finish = (job: TestJob, now_ms: number): void => {
  gate.finish(job);
  room++;
  gate.drain(now_ms);
};

describe("admission", () => {
  test("jobs start while there is room, then wait, and start in the order of their coming", () => {
    const first = enter("first", 0);
    const second = enter("second", 1);
    enter("third", 2);
    expect(started).toEqual(["first"]);
    expect(gate.waiting).toBe(2);
    finish(first, 3);
    finish(second, 4);
    expect(started).toEqual(["first", "second", "third"]);
    expect(gate.waiting).toBe(0);
  });

  test("nobody overtakes those who wait, even when room has appeared", () => {
    enter("first", 0);
    enter("second", 0);
    room = 1;
    enter("third", 0);
    expect(started).toEqual(["first"]);
    gate.drain(1);
    expect(started).toEqual(["first", "second"]);
  });

  test("with a full queue the next one is refused at once as overloaded", () => {
    for (const name of ["running", "a", "b", "c"]) enter(name, 0);
    const refused = enter("d", 0);
    expect(refused.state).toBe("waiting");
    expect(endings).toEqual([{ name: "d", why: "refused", reason: "overloaded", was: "waiting" }]);
    expect(gate.waiting).toBe(3);
  });

  test("an owner that cannot serve at all refuses the newcomer and those who wait", () => {
    enter("running", 0);
    enter("waiting", 0);
    refusal = new DatabaseUnavailable("connection");
    gate.drain(1);
    enter("newcomer", 1);
    expect(endings.map(({ name, reason }) => [name, reason])).toEqual([
      ["waiting", "connection"],
      ["newcomer", "connection"],
    ]);
  });

  test("after closing, those who wait and come are refused and those who run may end", () => {
    const running = enter("running", 0);
    enter("waiting", 0);
    gate.close();
    enter("late", 1);
    expect(endings.map(({ name, reason }) => [name, reason])).toEqual([
      ["waiting", "closed"],
      ["late", "closed"],
    ]);
    expect(running.state).toBe("running");
    finish(running, 2);
    expect(gate.busy).toBeFalse();
  });
});

describe("deadlines", () => {
  test("count from the entry on, for those who wait and for those who run", () => {
    enter("running", 0);
    enter("waiting", 50);
    gate.sweep(99);
    expect(endings).toEqual([]);
    gate.sweep(100);
    expect(endings).toEqual([{ name: "running", why: "deadline", reason: "deadline", was: "running" }]);
    gate.sweep(150);
    expect(endings.at(-1)).toEqual({ name: "waiting", why: "deadline", reason: "deadline", was: "waiting" });
    expect(gate.waiting).toBe(0);
  });

  test("a job that was put back keeps its place and its deadline", () => {
    const first = enter("first", 0);
    enter("second", 10);
    gate.requeue(first);
    room++;
    gate.drain(20);
    expect(started).toEqual(["first", "first"]);
    gate.sweep(100);
    expect(endings.map(({ name }) => name)).toEqual(["first"]);
  });

  test("a job taken aside comes back by itself, and can run out of time meanwhile", async () => {
    const first = enter("first", 0);
    gate.delay(first, 1);
    room++;
    await Bun.sleep(10);
    expect(started).toEqual(["first", "first"]);
    const second = enter("second", 0);
    room = 0;
    gate.finish(first);
    gate.sweep(1_000);
    expect(second.state).toBe("done");
  });
});

describe("callers that go away", () => {
  test("leave the queue at the next sweep, from any place in it", () => {
    enter("running", 0);
    const [, middle] = [enter("a", 0), enter("b", 0), enter("c", 0)];
    middle.gone = true;
    gate.sweep(1);
    expect(endings).toEqual([{ name: "b", why: "aborted", reason: null, was: "waiting" }]);
    expect(gate.waiting).toBe(2);
    room = 2;
    gate.drain(2);
    expect(started).toEqual(["running", "a", "c"]);
  });

  test("are never started", () => {
    const running = enter("running", 0);
    const waiting = enter("waiting", 0);
    waiting.gone = true;
    finish(running, 1);
    expect(started).toEqual(["running"]);
    expect(endings.map(({ why }) => why)).toEqual(["aborted"]);
  });
});

test("a queue that nothing is taken from stays as short as those who wait, however many came and went", () => {
  room = 0;
  for (let round = 0; round < 10_000; round++) {
    enter(`${round}`, round);
    gate.sweep(round);
  }
  expect(gate.waiting).toBeLessThanOrEqual(3);
  expect(endings.length).toBe(10_000 - gate.waiting);
});

test("every job ends exactly once under a random mix of everything", () => {
  const jobs: TestJob[] = [];
  let seed = 42;
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  const ended = new Map<string, number>();
  room = 4;
  for (let now_ms = 0; now_ms < 5_000; now_ms++) {
    const dice = random();
    const running = jobs.filter(({ state }) => state === "running");
    const one = running[Math.floor(random() * running.length)];
    if (dice < 0.5) jobs.push(enter(`${now_ms}`, now_ms));
    else if (dice < 0.8 && one !== undefined) {
      ended.set(one.name, 1);
      finish(one, now_ms);
    } else if (dice < 0.85 && one !== undefined) {
      gate.requeue(one);
      room++;
    } else if (dice < 0.9) jobs.slice(-1).forEach((job) => (job.gone = true));
    else gate.sweep(now_ms);
  }
  gate.sweep(10_000);
  for (const { name } of endings) ended.set(name, (ended.get(name) ?? 0) + 1);
  expect([...ended.values()].every((times) => times === 1)).toBeTrue();
  expect(ended.size).toBe(jobs.length);
  expect(gate.waiting).toBe(0);
  expect(gate.busy).toBeFalse();
});
