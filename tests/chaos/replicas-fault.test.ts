import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seeded } from "../cache/chaos/random.ts";
import { until } from "../helpers/replicas.ts";
import { isGood } from "./fleet/record.ts";
import { type Fleet, startFleet } from "./fleet/rig.ts";
import { effectsHold, noneFailed, underLoad } from "./fleet/scenario.ts";

/** That the scenarios of `bun run chaos replicas` can fail. */
test("requests that are lost when a replica is killed are found: nginx without retries loses some", async () => {
  const fleet = await startFleet({ replicas: 2 });
  try {
    await withoutRetries(fleet);
    const context = { fleet, random: seeded(1), long: false, per_second: 150, say: () => {} };
    const { recorder } = await underLoad(context, async () => {
      await Bun.sleep(500);
      const [replica] = (await fleet.status()).replicas;
      process.kill(replica?.pid ?? 0, "SIGKILL");
      await Bun.sleep(1_500);
    });
    const { entries } = recorder;
    expect(noneFailed(entries, "all requests")).toEqual([expect.stringContaining(" failed: ")]);
    expect(entries.filter((entry) => !isGood(entry)).map(({ status }) => status)).toContain(502);
    // What was answered with 201 is there all the same.
    expect(await effectsHold(fleet, entries)).toEqual([]);
  } finally {
    await fleet.stop();
  }
}, 60_000);

/** Takes retries out of the fleet's nginx, as a mistake in its configuration might. */
async function withoutRetries({ run_folder, status }: Fleet): Promise<void> {
  const configuration = join(run_folder, "nginx/conf");
  for (const name of ["retries.conf", "server.conf"]) {
    const path = join(configuration, name);
    const text = readFileSync(path, "utf8");
    const without = text.replaceAll(/^( *proxy_next_upstream) .*;$/gm, "$1 off;");
    expect(without).not.toBe(text);
    writeFileSync(path, without);
  }
  const { nginx_pid } = await status();
  const before = workersOf(nginx_pid);
  process.kill(nginx_pid ?? 0, "SIGHUP");
  await until("nginx has read it", () => workersOf(nginx_pid).some((pid) => !before.includes(pid)));
}

/** https://man7.org/linux/man-pages/man5/proc.5.html */
const workersOf = (pid: number | null): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
