import { describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { type Child, startChild } from "../../src/fleet/child.ts";
import { runFolder } from "../../src/fleet/folder.ts";
import { Kept } from "../../src/fleet/kept.ts";
import { mergeExpositions } from "../../src/fleet/metrics.ts";
import { createLog } from "../../src/platform/log.ts";
import { until } from "../helpers/replicas.ts";

const log = createLog({ log_level: "silent", log_format: "json", replica: "test" });
const silent = () => {};
const sleeper = (): Child => startChild({ name: "sleeper", command: ["sleep", "60"], output: silent });

describe("a kept program", () => {
  test("is started again when it was killed", async () => {
    const kept = new Kept({ name: "sleeper", log, start: async () => sleeper(), grace_ms: 1_000 });
    await kept.begin();
    const first = kept.child?.pid ?? 0;
    process.kill(first, "SIGKILL");
    await until("another one runs", () => kept.child !== null && kept.child.pid !== first);
    expect(kept.restarts).toBe(1);
    await kept.stop();
    expect(() => process.kill(kept.child?.pid ?? 0, 0)).toThrow();
  });

  test("that does not start again is tried with pauses that grow, until it starts", async () => {
    const tried_ms: number[] = [];
    const kept = new Kept({
      name: "sleeper",
      log,
      start: async () => {
        tried_ms.push(performance.now());
        if (tried_ms.length > 1 && tried_ms.length < 5) throw new Error("not yet");
        return sleeper();
      },
      grace_ms: 1_000,
    });
    await kept.begin();
    process.kill(kept.child?.pid ?? 0, "SIGKILL");
    await until("it runs", () => tried_ms.length === 5 && kept.child !== null);
    const pauses = tried_ms.slice(1).map((at_ms, index) => at_ms - (tried_ms[index] ?? 0));
    expect(pauses[3] ?? 0).toBeGreaterThan((pauses[1] ?? 0) * 2);
    await kept.stop();
  });

  test("that fails at its first start says so, and is not tried again", async () => {
    let tries = 0;
    const start = async (): Promise<Child> => {
      tries += 1;
      throw new Error("wrong words");
    };
    const kept = new Kept({ name: "sleeper", log, start, grace_ms: 1_000 });
    await expect(kept.begin()).rejects.toThrow("wrong words");
    await kept.stop();
    expect(tries).toBe(1);
  });

  test("is replaced by one that serves, and stays when the other does not start", async () => {
    let works = true;
    const start = async (): Promise<Child> => {
      if (!works) throw new Error("not ready");
      return sleeper();
    };
    const kept = new Kept({ name: "sleeper", log, start, grace_ms: 1_000 });
    await kept.begin();
    const first = kept.child?.pid ?? 0;
    await kept.replace();
    const second = kept.child?.pid ?? 0;
    expect(second).not.toBe(first);
    expect(() => process.kill(first, 0)).toThrow();
    works = false;
    await expect(kept.replace()).rejects.toThrow("not ready");
    expect(kept.child?.pid).toBe(second);
    expect(kept.restarts).toBe(0);
    await kept.stop();
  });

  test("that does not end when it is asked to is ended", async () => {
    const stubborn = async (): Promise<Child> => {
      let ready = false;
      const command = [
        process.execPath,
        "-e",
        "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log(1)",
      ];
      const child = startChild({ name: "stubborn", command, output: () => (ready = true) });
      await until("it ignores SIGTERM", () => ready);
      return child;
    };
    const kept = new Kept({ name: "stubborn", log, start: stubborn, grace_ms: 100 });
    await kept.begin();
    const ended = kept.child?.ended;
    await kept.stop();
    expect(await ended).toBe("SIGKILL");
  });
});

test("a program's lines reach the output whole, with its name, the last without a line break too", async () => {
  const lines: string[] = [];
  const child = startChild({
    name: "talker",
    command: ["sh", "-c", "printf 'one\\ntw'; sleep 0.1; printf 'o\\nthree'; printf 'four\\n' >&2"],
    output: (name, line) => lines.push(`${name} ${line}`),
  });
  expect(await child.ended).toBe("exit 0");
  await until("all lines came", () => lines.length === 4);
  expect(lines.sort()).toEqual(["talker four", "talker one", "talker three", "talker two"]);
});

test("the metrics of all replicas are one exposition with each metric once", () => {
  const text = (value: number) =>
    [
      "# HELP requests_total Requests",
      "# TYPE requests_total counter",
      `requests_total{route="/a b",status="200"} ${value}`,
      "# HELP up_seconds Time",
      "# TYPE up_seconds gauge",
      `up_seconds ${value} 1700000000000`,
      `build_info{version="1",replica="own"} 1`,
      "",
    ].join("\n");
  expect(
    mergeExpositions([
      { replica: "api-1", text: text(1) },
      { replica: "api-2", text: text(2) },
    ]),
  ).toBe(`# HELP requests_total Requests
# TYPE requests_total counter
requests_total{route="/a b",status="200",replica="api-1"} 1
requests_total{route="/a b",status="200",replica="api-2"} 2
# HELP up_seconds Time
# TYPE up_seconds gauge
up_seconds{replica="api-1"} 1 1700000000000
build_info{version="1",replica="own"} 1
up_seconds{replica="api-2"} 2 1700000000000
build_info{version="1",replica="own"} 1
`);
  expect(mergeExpositions([])).toBe("");
});

test("sockets lie in the data directory, or, where its path is too long for them, in a folder that is always the same", () => {
  expect(runFolder("/srv/data")).toBe("/srv/data/run");
  const long = `/srv/${"deep/".repeat(20)}data`;
  expect(runFolder(long)).toStartWith(`${tmpdir()}/countinghouse-`);
  expect(runFolder(long)).toBe(runFolder(long));
  expect(runFolder(long)).not.toBe(runFolder(`${long}2`));
  expect(Buffer.byteLength(`${runFolder(long)}/api-999.9999.admin.sock`)).toBeLessThanOrEqual(103);
});
