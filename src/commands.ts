import { parseArgs } from "node:util";
import { availableParallelism } from "node:os";
import { bankCheck } from "./bank/verify.ts";
import { correctCounters, counterCheck } from "./core/counters.ts";
import { auditCheck, type Check, proveAll } from "./core/verify.ts";
import { askSupervisor, type FleetStatus } from "./fleet/control.ts";
import { runFolder } from "./fleet/folder.ts";
import { startFleet } from "./fleet/supervisor.ts";
import { ledgerCheck } from "./ledger/verify.ts";
import { savingsCheck } from "./savings/verify.ts";
import { correctOpenSteps, shopCheck } from "./shop/verify.ts";
import { budgetCheck } from "./budget/verify.ts";
import type { Config } from "./platform/config.ts";
import { type DatabaseSource, openDatabaseSource } from "./platform/db/source.ts";
import type { Log } from "./platform/log.ts";
import { migrate } from "./platform/migrations.ts";
import { seedDemo } from "./seed/demo.ts";
import { allModules, type Module, type Scale, scales } from "./seed/plan.ts";
import { seedScale } from "./seed/scale.ts";

/** sysexits.h: our bug, or something that we cannot do without ended by itself. */
export const EXIT_SOFTWARE = 70;

/** The words on the command line do not name something we do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What a one-shot command is given. With the embedded database it shares the one of a running server. */
export type CommandOptions = Readonly<{ config: Config; log: Log; words: readonly string[] }>;

async function withDatabase<T>(
  options: CommandOptions,
  run: (source: DatabaseSource) => Promise<T>,
): Promise<T> {
  const source = await openDatabaseSource(options.config, { log: options.log, when_in_use: "share" });
  try {
    return await run(source);
  } finally {
    await source.stop();
  }
}

/** `migrate`: brings the schema to this release. @returns the exit code */
export function runMigrate(options: CommandOptions): Promise<number> {
  return withDatabase(options, async ({ url }) => {
    const { applied } = await migrate(url, { log: options.log });
    console.log(applied.length === 0 ? "the schema is current" : `applied ${applied.join(", ")}`);
    return 0;
  });
}

const SEED_USAGE = `seed --demo | --scale ${Object.keys(scales).join("|")} [--modules all|shop|budget] [--seed <integer>]`;

/** `seed`: demo data, or as much data as asked for. @returns the exit code @throws {UsageError} */
export function runSeed(options: CommandOptions): Promise<number> {
  const { demo, scale, seed, modules } = seedWords(options.words);
  if (demo && !options.config.demo) {
    throw new UsageError(
      "seed --demo creates users with published passwords; with DATABASE_URL it needs DEMO=true",
    );
  }
  return withDatabase(options, async ({ url }) => {
    await migrate(url, { log: options.log });
    if (demo) await seedDemo(url, { files_dir: options.config.files_dir, log: options.log });
    if (scale !== null) await seedScale(url, { scale, seed, modules });
    return 0;
  });
}

/** What `--modules` may say: bank and savings share a ledger, so they come together. */
const moduleWords: Readonly<Record<string, readonly Module[]>> = {
  all: allModules,
  shop: ["shop"],
  budget: ["budget"],
};

type SeedWords = { demo: boolean; scale: Scale | null; seed: number; modules: readonly Module[] };

function seedWords(words: readonly string[]): SeedWords {
  const { values } = parseOptions(words);
  const modules = moduleWords[values.modules];
  const scale = (Object.keys(scales) as Scale[]).find((name) => name === values.scale) ?? null;
  const seed = Number(values.seed);
  const wrong = (values.scale !== undefined && scale === null) || !Number.isSafeInteger(seed);
  if (modules === undefined) throw new UsageError(SEED_USAGE);
  if (wrong || (scale === null && values.demo !== true)) throw new UsageError(SEED_USAGE);
  return { demo: values.demo === true, scale, seed, modules };
}

function parseOptions(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        demo: { type: "boolean" },
        scale: { type: "string" },
        modules: { type: "string", default: "all" },
        seed: { type: "string", default: "42" },
      },
    });
  } catch (error) {
    throw new UsageError(SEED_USAGE, { cause: error });
  }
}

/** What `verify` proves, in this order. */
const checks: readonly Check[] = [
  auditCheck,
  counterCheck,
  ledgerCheck,
  bankCheck,
  savingsCheck,
  shopCheck,
  budgetCheck,
];

/**
 * `verify`: proves what must hold from the data itself. `--rebuild` first corrects what can be counted again; that and
 * nothing else is written.
 *
 * @returns the exit code: 1 when it is broken @throws {UsageError}
 */
export function runVerify(options: CommandOptions): Promise<number> {
  const { words, log } = options;
  if (words.some((word) => word !== "--rebuild")) throw new UsageError("verify [--rebuild]");
  const out = (line: string): void => console.log(line);
  return withDatabase(options, async ({ url }) => {
    if (words.includes("--rebuild")) {
      out(`${await correctOpenSteps(url)} open steps corrected`);
      out(`${await correctCounters(url)} counters corrected`);
    }
    const holds = await proveAll({ url, log, out, checks });
    return holds ? 0 : 1;
  });
}

const REPLICAS_USAGE = "replicas [--count <n>] [--rolling-restart]";

/**
 * `replicas`: several servers behind nginx, until a signal. With a fleet of this data directory running already,
 * `--count` gives it that many and `--rolling-restart` renews each, without a failed request.
 *
 * @returns the exit code @throws {UsageError | FleetError}
 */
export async function runReplicas(options: CommandOptions & { signals: FleetSignals }): Promise<number> {
  const { config, log, signals } = options;
  const { count, rolling } = replicasWords(options.words);
  const folder = runFolder(config.data_dir);
  const running = await askSupervisor(folder, "GET /");
  if (running !== null) return changeFleet(folder, { count, rolling });
  if (rolling) throw new UsageError(`no fleet of ${config.data_dir} is running`);
  const fleet = await startFleet({ config, log, folder, count: count ?? availableParallelism() });
  printFleet(fleet.status());
  signals.onHangup(() => {
    fleet.rollingRestart().then(
      () => log.info("all replicas are new"),
      (error: unknown) => log.error({ err: error }, "rolling restart"),
    );
  });
  const failure = await Promise.race([signals.stop, fleet.failed]);
  if (failure === null) log.info("stopping");
  else log.fatal({ reason: failure }, "stopping");
  await fleet.stop();
  return failure === null ? 0 : EXIT_SOFTWARE;
}

/** What reaches the process from outside. */
export type FleetSignals = Readonly<{ stop: Promise<null>; onHangup(run: () => void): void }>;

async function changeFleet(
  folder: string,
  { count, rolling }: { count: number | null; rolling: boolean },
): Promise<number> {
  if (count !== null) await askSupervisor(folder, `POST /scale?count=${count}`);
  if (rolling) await askSupervisor(folder, "POST /rolling-restart");
  const status = await askSupervisor(folder, "GET /");
  if (status !== null) printFleet(status);
  return 0;
}

function replicasWords(words: readonly string[]): { count: number | null; rolling: boolean } {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: { count: { type: "string" }, "rolling-restart": { type: "boolean", default: false } },
    });
    const count = values.count === undefined ? null : Number(values.count);
    if (count === null || (Number.isInteger(count) && count >= 1 && count <= REPLICAS_MAX))
      return { count, rolling: values["rolling-restart"] };
  } catch (error) {
    throw new UsageError(REPLICAS_USAGE, { cause: error });
  }
  throw new UsageError(`${REPLICAS_USAGE}; n from 1 to ${REPLICAS_MAX}`);
}

/** More than any machine has cores for; each takes its connections of the database. */
const REPLICAS_MAX = 64;

function printFleet({ url, pid, nginx_pid, replicas }: FleetStatus): void {
  const rows = replicas.map(
    ({ name, pid: own, restarts }) => `${name} (pid ${own ?? "-"}, ${restarts} restarts)`,
  );
  console.log(
    `\nCountinghouse is ready on ${url}\n  supervisor ${pid}, nginx ${nginx_pid ?? "-"}\n  ${rows.join("\n  ")}\n`,
  );
}

const HEALTHCHECK_MAX_MS = 5_000;

/** `healthcheck`: asks the server of this configuration whether it is alive. @returns the exit code */
export async function runHealthcheck({ config }: CommandOptions): Promise<number> {
  const { host, port, unix_socket } = config.listen;
  const local = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host;
  const request = unix_socket === null ? {} : { unix: unix_socket };
  const url = unix_socket === null ? `http://${local}:${port}/livez` : "http://localhost/livez";
  try {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(HEALTHCHECK_MAX_MS) });
    if (response.ok) return 0;
    console.error(`${unix_socket ?? url} answered ${response.status}`);
  } catch (error) {
    console.error(
      `${unix_socket ?? url} does not answer: ${error instanceof Error ? error.message : "unknown error"}`,
    );
  }
  return 1;
}
