/**
 * Runs the tests against real servers that it brings up itself and takes down again.
 *
 *     bun run test [tidy|unit|sql|api|cache|deploy|chaos|browser|image|drift|<file>…] [-- <options of bun test>]
 *
 * Without names: everything but `drift` and `image`. TEST_DATABASE_URL is used when it is set.
 * A suite without tests, a skipped test and a missing program are failures, not reasons to pass.
 *
 * `-- --update-timings` notes in `timings.json` how long each file took: the longest begin first, so that none is left at
 * the end for one core. A file that is not in it counts as an average one.
 */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { prepareTemplate } from "./helpers/database.ts";
import { type ProgramName, requirePrograms } from "./helpers/required-programs.ts";
import {
  type Service,
  folderInMemory,
  makeTestFolder,
  PREPARED_DATA,
  startTestPostgres,
  sweepLeftovers,
} from "./helpers/services.ts";

type Need = "postgres" | ProgramName;
type Suite = Readonly<{
  needs: readonly Need[];
  /** For tests that do not say how long they may take themselves. */
  timeout_ms: number;
  command?: readonly string[];
}>;

const suites: Readonly<Record<string, Suite>> = {
  tidy: { needs: [], timeout_ms: 60_000 },
  unit: { needs: [], timeout_ms: 10_000 },
  sql: { needs: ["postgres"], timeout_ms: 60_000 },
  api: { needs: ["postgres", "redis-server"], timeout_ms: 20_000 },
  deploy: { needs: ["postgres", "redis-server", "nginx", "promtool"], timeout_ms: 60_000 },
  image: { needs: ["postgres", "redis-server", "nginx", "buildah", "debootstrap"], timeout_ms: 900_000 },
  chaos: { needs: ["postgres", "redis-server", "nginx", "slowhttptest"], timeout_ms: 240_000 },
  browser: { needs: ["postgres", "chromium"], timeout_ms: 60_000 },
  cache: { needs: ["postgres", "redis-server"], timeout_ms: 60_000 },
  drift: { needs: ["postgres"], timeout_ms: 60_000, command: ["tests/sql/generate.ts", "--check"] },
};

const BY_DEFAULT = ["tidy", "unit", "sql", "api", "cache", "deploy", "chaos", "browser"];
/**
 * Files that run at the same time, of whichever suites: while two keep two cores busy, a third one may wait for a
 * timeout, for a browser, or for a server to start.
 */
const WORKERS = 3;
/**
 * Files that measure time: after all others, and each row by itself. In a row so many run side by side that a core is
 * left for what they measure: beside the one that works are those that mostly wait.
 */
const APART: readonly (readonly string[])[] = [
  [
    "./tests/chaos/replicas.test.ts",
    "./tests/chaos/lanes.test.ts",
    "./tests/chaos/postgres-restart.test.ts",
    "./tests/chaos/readiness.test.ts",
    "./tests/chaos/redis-cluster.test.ts",
    "./tests/chaos/standby.test.ts",
  ],
  ["./tests/cache/chaos.test.ts"],
  ["./tests/chaos/replicas-redis.test.ts"],
];
const WORKERS_APART = 2;
const TIMINGS = "tests/timings.json";
/** Of the files that took longest, this many are told at the end. */
const TOLD = 12;

type Job = Readonly<{
  name: string;
  needs: readonly Need[];
  timeout_ms: number;
  command: readonly string[] | null;
  paths: readonly string[];
  workers: number;
}>;
type Tally = { passed: number; failed: number };
/** One test file, by its path, and how long it took, what it waited included. */
type Took = Readonly<{ path: string; tests: number; wall_ms: number }>;

/** The jobs that the words on the command line mean: all that may run side by side, each row of those apart, commands. */
function plan(words: readonly string[]): Job[] {
  const chosen = words.length === 0 ? BY_DEFAULT : words;
  const files = new Map<string, Suite>();
  const commands: Job[] = [];
  for (const { word, suite, paths } of chosen.map(meant)) {
    const { needs, timeout_ms, command } = suite;
    if (command !== undefined) commands.push({ name: word, needs, timeout_ms, command, paths, workers: 1 });
    for (const path of paths) files.set(path, suite);
  }
  const apart = new Set(APART.flat());
  const together = [...files.keys()].filter((path) => !apart.has(path));
  const rows = APART.map((row) => row.filter((path) => files.has(path)));
  const job = (paths: readonly string[], workers: number): Job => {
    const of = paths.flatMap((path) => files.get(path) ?? []);
    const needs = of.flatMap((suite) => suite.needs);
    const timeout_ms = Math.max(...of.map((suite) => suite.timeout_ms));
    const name = paths.length <= TOLD ? paths.join(", ") : `${paths.length} files`;
    return { name, needs, timeout_ms, command: null, paths, workers };
  };
  const all = [job(together, WORKERS), ...rows.map((row) => job(row, WORKERS_APART))];
  return [...all.filter(({ paths }) => paths.length > 0), ...commands];
}

/** @throws {Error} for what is neither a suite nor a test file, and for a suite without tests */
function meant(word: string): { word: string; suite: Suite; paths: string[] } {
  const named = suites[word];
  if (named !== undefined) return { word, suite: named, paths: named.command ? [] : pathsOf(word) };
  const [, folder = ""] = /^(?:\.\/)?tests\/(\w+)/.exec(word) ?? [];
  const around = suites[folder];
  if (around === undefined || !existsSync(word)) throw new Error(`no suite and no test file: ${word}`);
  return { word, suite: around, paths: [withDot(word)] };
}

const withDot = (path: string): string => (path.startsWith("./") ? path : `./${path}`);

function pathsOf(name: string): string[] {
  if (name === "tidy") return ["./tests/tidy.test.ts"];
  const paths = [...new Bun.Glob(`tests/${name}/**/*.test.ts`).scanSync(".")].map(withDot).sort();
  if (paths.length === 0) throw new Error(`no test files in tests/${name}`);
  return paths;
}

/** Starts what the jobs need, and says where it is in the environment of the tests. */
async function bringUp(
  jobs: readonly Job[],
  folder: string,
  services: Service[],
): Promise<Record<string, string>> {
  const needs = [...new Set(jobs.flatMap(({ needs }) => needs))];
  // As `bun run start`: memory that is given back to the system at once is faulted in again, a quarter of all the work.
  const environment: Record<string, string> = { NODE_ENV: "test", TZ: "UTC", MIMALLOC_PURGE_DELAY: "-1" };
  const wanted = needs.filter((need) => need !== "postgres");
  const programs = await requirePrograms(wanted);
  for (const [program, path] of programs)
    environment[`${program.replace("-", "_").toUpperCase()}_PATH`] = path;
  if (needs.includes("postgres") && process.env["TEST_DATABASE_URL"] === undefined) {
    process.env[PREPARED_DATA] = await prepareData(folder, services);
    services.push(await startTestPostgres(folder));
    environment["TEST_DATABASE_URL"] = services.at(-1)?.url ?? "";
  }
  return environment;
}

/** A data directory that this server and those of the tests begin as copies of. */
async function prepareData(folder: string, services: Service[]): Promise<string> {
  const prepared = join(folder, "prepared");
  mkdirSync(prepared, { mode: 0o755 });
  const server = await startTestPostgres(prepared);
  services.push(server);
  await prepareTemplate(server.url);
  await server.stop();
  return join(prepared, "data");
}

function commandOf(
  { command, paths, timeout_ms, workers }: Job,
  report: string,
  options: readonly string[],
): string[] {
  if (command !== null) return [process.execPath, ...command];
  return [
    process.execPath,
    "test",
    paths.length > 1 ? `--parallel=${Math.min(workers, paths.length)}` : "--isolate",
    `--timings=${TIMINGS}`,
    `--timeout=${timeout_ms}`,
    "--only-failures",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...options,
    ...paths,
  ];
}

async function runJob(options: {
  job: Job;
  environment: Record<string, string>;
  extra: readonly string[];
  /** Where the files and their times are to be written. */
  report: string;
  started: (child: Bun.Subprocess) => void;
}): Promise<Tally> {
  const { job, report } = options;
  const colours = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  const child = Bun.spawn(commandOf(job, report, options.extra), {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...colours, ...options.environment },
  });
  options.started(child);
  const [output, errors, code] = await Promise.all([pass(child.stdout), pass(child.stderr), child.exited]);
  if (job.command !== null) return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
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

/** What a report of `bun test` says of files: https://github.com/testmoapp/junitxml */
async function filesIn(report: string): Promise<Took[]> {
  const file = Bun.file(report);
  if (!(await file.exists())) return [];
  const line = /^ {2}<testsuite name="([^"]+)".* tests="(\d+)".* time="([\d.]+)"/gm;
  return [...(await file.text()).matchAll(line)].map(([, path = "", tests, wall_s]) => ({
    path,
    tests: Number(tests),
    wall_ms: Number(wall_s) * 1_000,
  }));
}

/** Where the time went: by suite, and the files that took longest. */
function tell(files: readonly Took[]): void {
  const suiteOf = ({ path }: Took): string => path.split("/")[1]?.split(".", 1)[0] ?? path;
  const line = (words: readonly (string | number)[], wall_ms: number): void =>
    console.log(`${(wall_ms / 1_000).toFixed(1).padStart(8)} s  ${words.join(" ")}`);
  for (const [suite, of] of Map.groupBy(files, suiteOf)) {
    const sum = (field: "tests" | "wall_ms"): number => of.reduce((total, each) => total + each[field], 0);
    line([suite, `(${of.length} files, ${sum("tests")} tests)`], sum("wall_ms"));
  }
  console.log(`longest files, of which ${WORKERS} run side by side, and ${WORKERS_APART} of those apart:`);
  const longest = files.toSorted((left, right) => right.wall_ms - left.wall_ms).slice(0, TOLD);
  for (const { path, wall_ms } of longest) line([path], wall_ms);
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
  const folder = makeTestFolder(folderInMemory());
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
  const files: Took[] = [];
  try {
    const environment = await bringUp(jobs, folder, services);
    console.log(`servers ready in ${seconds(start)}`);
    for (const [index, job] of jobs.entries()) {
      const began = performance.now();
      console.log(`\n[${index + 1}/${jobs.length}] ${job.name}`);
      const report = join(folder, `report-${index}.xml`);
      const tally = await runJob({ job, environment, extra, report, started: (made) => (child = made) });
      files.push(...(await filesIn(report)));
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
  if (files.length > 1) tell(files);
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
