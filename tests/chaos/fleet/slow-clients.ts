import { requirePrograms } from "../../helpers/required-programs.ts";
import { atLeast, type Context, effectsHold, type Scenario, underLoad } from "./scenario.ts";

type Mode = Readonly<{ name: string; path: string; flags: readonly string[] }>;

const WANTED = 0.999;
/** On a machine that is taken away by somebody else a fault cannot be told from its absence. */
const TRIES_MAX = 3;

/** Ways to be slow: https://github.com/shekyan/slowhttptest/wiki/InstallationAndUsage */
const modes: readonly Mode[] = [
  { name: "headers", path: "/api/v1/me", flags: ["-H", "-x", "24"] },
  {
    name: "bodies",
    path: "/api/v1/auth/refresh",
    flags: ["-B", "-x", "10", "-s", "8192", "-f", "application/json"],
  },
  // A large answer, taken by 32 bytes a second through a window of some hundred.
  { name: "reads", path: "/openapi.json", flags: ["-X", "-w", "256", "-y", "512", "-n", "1", "-z", "32"] },
];

export const slowClients: Scenario = {
  id: "R12",
  title: "clients that are slow to send headers, bodies, and to read",
  async run(context) {
    const { fleet, long, say } = context;
    // The short form is slow in all ways at once.
    const [rounds, connections, duration_s] = long
      ? [modes.map((mode) => [mode]), 2_000, 40]
      : [[modes], 120, 4];
    const found = process.env["SLOWHTTPTEST_PATH"];
    const program = found ?? (await requirePrograms(["slowhttptest"])).get("slowhttptest") ?? "";
    const wrong: string[] = [];
    const attack = async ({ name, path, flags }: Mode): Promise<void> => {
      // The next part of what is sent comes sooner than nginx's patience of 10 s ends.
      const words = `-c ${connections} -r ${connections / 2} -l ${duration_s} -i 4 -p 3 -u ${fleet.url}${path}`;
      const command = [program, ...words.split(" "), ...flags];
      const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
      const held = mostConnected(await new Response(child.stdout).text());
      await child.exited;
      say(`slow ${name}: at most ${held} of ${connections} connections at the same time`);
      if (held < connections * 0.9) wrong.push(`slow ${name}: only ${held} of ${connections} connections`);
    };
    for (const round of rounds) {
      const what = `slow ${round.map(({ name }) => name).join(", ")}`;
      for (let tries = 1; ; tries += 1) {
        const traffic = await underLoad(context, async () => void (await Promise.all(round.map(attack))));
        const { entries } = traffic.recorder;
        wrong.push(...(await effectsHold(fleet, entries)));
        const missed = atLeast(entries, WANTED, what);
        // What fails is the slow clients' doing only where all is well without them.
        if (missed.length === 0 || tries === TRIES_MAX || (await isWellAlone(context, duration_s))) {
          wrong.push(...missed);
          break;
        }
        say(`again: the machine does not carry the load without them either; ${missed.join()}`);
      }
    }
    return wrong;
  },
};

/** Whether the same load is answered while nobody is slow. */
async function isWellAlone(context: Context, duration_s: number): Promise<boolean> {
  const traffic = await underLoad(context, () => Bun.sleep(duration_s * 1_000));
  return atLeast(traffic.recorder.entries, WANTED, "nobody slow").length === 0;
}

/** It prints a table of how many connections are in which state, again and again. */
function mostConnected(output: string): number {
  const counts = [...Bun.stripANSI(output).matchAll(/^connected:\s+(\d+)/gm)];
  return Math.max(0, ...counts.map(([, count]) => Number(count)));
}
