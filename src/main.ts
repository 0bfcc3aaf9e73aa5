import {
  runHealthcheck,
  EXIT_SOFTWARE,
  runMigrate,
  runReplicas,
  runSeed,
  runVerify,
  type CommandOptions,
  type FleetSignals,
  UsageError,
} from "./commands.ts";
import { FleetError } from "./fleet/programs.ts";
import { ConfigError, readConfig } from "./platform/config.ts";
import { EmbeddedPostgresError } from "./platform/db/embedded.ts";
import { DatabaseUnavailable } from "./platform/db/errors.ts";
import { type Log, createLog } from "./platform/log.ts";
import { MigrationError } from "./platform/migrations.ts";
import { SeedRefused } from "./seed/scale.ts";
import { ServeError, startServer } from "./serve.ts";

/** sysexits.h, which service managers know: wrong words, something we need is away, a wrong environment. */
const EXIT_USAGE = 64;
const EXIT_UNAVAILABLE = 69;
const EXIT_CONFIG = 78;
/** What a shell says of SIGINT. */
const EXIT_INTERRUPTED = 130;

const commands: Readonly<Record<string, (options: CommandOptions) => Promise<number>>> = {
  serve: runServe,
  replicas: (options) => runReplicas({ ...options, signals: fleetSignals() }),
  migrate: runMigrate,
  seed: runSeed,
  verify: runVerify,
  healthcheck: runHealthcheck,
};

/** Serves until a signal, or until something it cannot serve without has ended. @returns the exit code */
async function runServe({ config, log }: CommandOptions): Promise<number> {
  // Before anything is started, so that a signal in the middle of the start stops what has started by then.
  const signalled = nextSignal();
  const crashed = Promise.withResolvers<string>();
  let countUncaught = (): void => {};
  process.on("unhandledRejection", (error) => {
    countUncaught();
    log.error({ err: error }, "unhandled rejection");
  });
  process.on("uncaughtException", (error) => {
    countUncaught();
    log.fatal({ err: error }, "uncaught exception");
    crashed.resolve("uncaught exception");
  });
  const server = await startServer(config, log);
  countUncaught = server.countUncaught;
  if (config.mode === "embedded") console.log(server.banner);
  log.info({ url: server.url, mode: config.mode }, "ready");
  const failure = await Promise.race([signalled, server.failed, crashed.promise]);
  if (failure === null) log.info("draining");
  else log.fatal({ reason: failure }, "stopping");
  await server.drain();
  log.info("stopped");
  return failure === null ? 0 : EXIT_SOFTWARE;
}

/** `bun start` passes on the signal that Ctrl-C has sent us already: one wish arrives twice. */
const SAME_WISH_MS = 1000;

/** Settles at the first request to stop; a second, later one ends the process at once. */
function nextSignal(names: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"]): Promise<null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  let first_ms = Number.POSITIVE_INFINITY;
  const stop = (): void => {
    const now_ms = performance.now();
    if (now_ms - first_ms > SAME_WISH_MS) process.exit(EXIT_INTERRUPTED);
    first_ms = Math.min(first_ms, now_ms);
    resolve(null);
  };
  for (const signal of names) process.on(signal, stop);
  return promise;
}

/** A hangup renews the replicas, as servers of many do; until there are any, it is not there to end the start. */
function fleetSignals(): FleetSignals {
  let renew = (): void => {};
  process.on("SIGHUP", () => renew());
  return { stop: nextSignal(["SIGINT", "SIGTERM"]), onHangup: (run) => void (renew = run) };
}

async function main(words: readonly string[]): Promise<number> {
  const [name = "serve", ...rest] = words;
  const command = commands[name];
  let log: Log | null = null;
  try {
    if (command === undefined)
      throw new UsageError(`${name} is not one of ${Object.keys(commands).join(", ")}`);
    const config = readConfig(process.env);
    log = createLog(config);
    return await command({ config, log, words: rest });
  } catch (error) {
    return explain(error, log);
  }
}

/** Mistakes that a person can mend are said in plain words; a stack is for those that are ours. */
function explain(error: unknown, log: Log | null): number {
  if (error instanceof ConfigError) {
    console.error(`The configuration has ${error.problems.length} mistake(s):`);
    for (const problem of error.problems) console.error(`  ${problem}`);
    return EXIT_CONFIG;
  }
  if (error instanceof UsageError) {
    console.error(error.message);
    return EXIT_USAGE;
  }
  if (error instanceof DatabaseUnavailable) {
    const reason = error.cause instanceof Error ? error.cause.message : error.reason;
    console.error(`The database cannot be used: ${reason}`);
    return EXIT_UNAVAILABLE;
  }
  if (
    error instanceof EmbeddedPostgresError ||
    error instanceof ServeError ||
    error instanceof FleetError ||
    error instanceof MigrationError ||
    error instanceof SeedRefused
  ) {
    console.error(error.message);
    return EXIT_UNAVAILABLE;
  }
  if (log === null) console.error(error);
  else log.fatal({ err: error }, "cannot go on");
  return EXIT_SOFTWARE;
}

process.exit(await main(process.argv.slice(2)));
