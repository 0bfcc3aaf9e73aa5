/**
 * Runs the tests against real servers that it brings up itself and takes down again.
 *
 *     bun run test [tidy|unit|sql|api|cache|deploy|chaos|browser|image|drift|<file>…] [-- <options of bun test>]
 *
 * Without names: everything but `drift` and `image`. TEST_DATABASE_URL is used when it is set.
 * A suite without tests, a skipped test and a missing program are failures, not reasons to pass.
 */
import { existsSync, rmSync } from "node:fs";
import { type ProgramName, requirePrograms } from "./helpers/required-programs.ts";
import { type Service, makeTestFolder, startTestPostgres, sweepLeftovers } from "./helpers/services.ts";

type Need = "postgres" | ProgramName;
type Suite = Readonly<{
  needs: readonly Need[];
  workers: number;
  timeout_ms: number;
  /** Files that measure time, and keep the machine busy: each runs by itself, after the others. */
  alone?: readonly string[];
  command?: readonly string[];
}>;

const suites: Readonly<Record<string, Suite>> = {
  tidy: { needs: [], workers: 1, timeout_ms: 60_000 },
  unit: { needs: [], workers: 2, timeout_ms: 10_000 },
  sql: { needs: ["postgres"], workers: 2, timeout_ms: 60_000 },
  api: { needs: ["postgres", "redis-server"], workers: 2, timeout_ms: 20_000 },
  deploy: {
    needs: ["postgres", "redis-server", "nginx", "promtool"],
    workers: 3,
    timeout_ms: 60_000,
  },
  image: {
    needs: ["postgres", "redis-server", "nginx", "buildah", "debootstrap"],
    workers: 1,
    timeout_ms: 900_000,
  },
  chaos: {
    needs: ["postgres", "redis-server", "nginx", "slowhttptest"],
    // What waits for a timeout or for a process to start leaves the machine to another.
    workers: 2,
    timeout_ms: 240_000,
    alone: ["./tests/chaos/lanes.test.ts", "./tests/chaos/replicas.test.ts"],
  },
  browser: { needs: ["postgres", "chromium"], workers: 1, timeout_ms: 60_000 },
  cache: {
    needs: ["postgres", "redis-server"],
    workers: 2,
    timeout_ms: 60_000,
    alone: ["./tests/cache/chaos.test.ts"],
  },
  drift: {
    needs: ["postgres"],
    workers: 1,
    timeout_ms: 60_000,
    command: ["tests/sql/generate.ts", "--check"],
  },
};

const BY_DEFAULT = ["tidy", "unit", "sql", "api", "cache", "deploy", "chaos", "browser"];

type Job = Readonly<{ name: string; suite: Suite; paths: readonly string[] }>;
type Tally = { passed: number; failed: number };

/** The jobs that the words on the command line mean. */
function plan(words: readonly string[]): Job[] {
  const chosen = words.length === 0 ? BY_DEFAULT : words;
  return chosen.flatMap((word) => {
    const suite = suites[word];
    if (suite !== undefined) {
      const { alone = [] } = suite;
      const together = { name: word, suite, paths: pathsOf(word).filter((path) => !alone.includes(path)) };
      return [
        together,
        ...alone.map((path) => ({ name: path, suite: { ...suite, workers: 1 }, paths: [path] })),
      ];
    }
    const [, folder = ""] = /^(?:\.\/)?tests\/(\w+)/.exec(word) ?? [];
    const around = suites[folder];
    if (around === undefined || !existsSync(word)) throw new Error(`no suite and no test file: ${word}`);
    return { name: word, suite: { ...around, workers: 1 }, paths: [word] };
  });
}

function pathsOf(name: string): string[] {
  if (name === "tidy") return ["tests/tidy.test.ts"];
  const glob = new Bun.Glob(`tests/${name}/**/*.test.ts`);
  return [...glob.scanSync(".")].map((path) => `./${path}`).sort();
}

/** Starts what the jobs need, and says where it is in the environment of the tests. */
async function bringUp(
  jobs: readonly Job[],
  folder: string,
  services: Service[],
): Promise<Record<string, string>> {
  const needs = [...new Set(jobs.flatMap((job) => job.suite.needs))];
  const environment: Record<string, string> = { NODE_ENV: "test", TZ: "UTC" };
  const wanted = needs.filter((need) => need !== "postgres");
  const programs = await requirePrograms(wanted);
  for (const [program, path] of programs)
    environment[`${program.replace("-", "_").toUpperCase()}_PATH`] = path;
  if (needs.includes("postgres") && process.env["TEST_DATABASE_URL"] === undefined) {
    services.push(await startTestPostgres(folder));
    environment["TEST_DATABASE_URL"] = services.at(-1)?.url ?? "";
  }
  return environment;
}

function commandOf(job: Job, options: readonly string[]): string[] {
  if (job.suite.command !== undefined) return [process.execPath, ...job.suite.command];
  const { workers, timeout_ms } = job.suite;
  const isolation = workers > 1 && job.paths.length > 1 ? `--parallel=${workers}` : "--isolate";
  return [
    process.execPath,
    "test",
    isolation,
    `--timeout=${timeout_ms}`,
    "--only-failures",
    ...options,
    ...job.paths,
  ];
}

async function runJob(options: {
  job: Job;
  environment: Record<string, string>;
  extra: readonly string[];
  started: (child: Bun.Subprocess) => void;
}): Promise<Tally> {
  const { job } = options;
  if (job.paths.length === 0 && job.suite.command === undefined) {
    console.log(`no test files in tests/${job.name}`);
    return { passed: 0, failed: 1 };
  }
  const colours = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  const child = Bun.spawn(commandOf(job, options.extra), {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...colours, ...options.environment },
  });
  options.started(child);
  const [output, errors, code] = await Promise.all([pass(child.stdout), pass(child.stderr), child.exited]);
  if (job.suite.command !== undefined)
    return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  return tallyOf(`${output}\n${errors}`, code);
}

/** Shows what a child writes while it writes it, and keeps it. */
async function pass(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    const part = decoder.decode(chunk, { stream: true });
    text += part;
    process.stdout.write(part);
  }
  return text;
}

/** What the summary of `bun test` says; skipped and unfinished tests count as failed, and so does a silent crash. */
function tallyOf(output: string, code: number): Tally {
  const plain = Bun.stripANSI(output);
  const last = (word: string): number =>
    Number([...plain.matchAll(new RegExp(`^ *(\\d+) ${word}s?$`, "gm"))].at(-1)?.[1] ?? 0);
  const passed = last("pass");
  const failed = last("fail") + last("skip") + last("todo");
  const broken = failed === 0 && (code !== 0 || passed === 0);
  return { passed, failed: broken ? 1 : failed };
}

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  const border = words.indexOf("--");
  const extra = border === -1 ? words.filter((word) => word.startsWith("-")) : words.slice(border + 1);
  const jobs = plan((border === -1 ? words : words.slice(0, border)).filter((word) => !word.startsWith("-")));
  const services: Service[] = [];
  let child: Bun.Subprocess | null = null;
  await sweepLeftovers();
  const folder = makeTestFolder();
  let cleaning: Promise<void> | null = null;
  const cleanUp = async (): Promise<void> => {
    child?.kill("SIGTERM");
    await child?.exited;
    await Promise.all(services.map((service) => service.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  const interrupt = (): void => {
    cleaning ??= cleanUp();
    void cleaning.finally(() => process.exit(130));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  const start = performance.now();
  const total: Tally = { passed: 0, failed: 0 };
  try {
    const environment = await bringUp(jobs, folder, services);
    console.log(`servers ready in ${seconds(start)}`);
    for (const [index, job] of jobs.entries()) {
      const began = performance.now();
      console.log(`\n[${index + 1}/${jobs.length}] ${job.name}`);
      const tally = await runJob({ job, environment, extra, started: (made) => (child = made) });
      total.passed += tally.passed;
      total.failed += tally.failed;
      console.log(
        `[${index + 1}/${jobs.length}] ${job.name}: ${tally.passed} passed, ${tally.failed} failed in ${seconds(began)}`,
      );
    }
  } finally {
    child = null;
    cleaning ??= cleanUp();
    await cleaning;
  }
  console.log(`\nall in ${seconds(start)}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
