import { setTimeout as sleep } from "node:timers/promises";
import type { PlatformDeps } from "../platform/deps.ts";
import { createCodeDelivery } from "./code-delivery.ts";
import { createFileStorage } from "./file-storage.ts";
import { createFileSweeper } from "./file-sweeper.ts";
import { createCounterCheck } from "./counters.ts";
import { createOtpCourier } from "./otp-courier.ts";
import {
  createAuditPartitions,
  deleteExpiredIdempotencyKeys,
  deleteExpiredOtpChallenges,
  deleteExpiredSessions,
  deleteOldEvents,
  foldCounters,
  sealAudit,
  stampEvents,
} from "./statements.ts";

/** Work that comes back. Its statements lock for themselves, so that replicas may all run it. */
export type BackgroundJob = Readonly<{
  name: string;
  /** Rest between two runs, milliseconds; varied by a fifth, so that replicas do not march in step. */
  every_ms: number;
  /** Does a bounded part. @returns whether more waits: then it is called again soon */
  run: () => Promise<boolean>;
}>;

export type RunningJobs = Readonly<{
  /** Starts nothing more, and waits for what runs. */
  stop(): Promise<void>;
}>;

const second_ms = 1_000;
const hour_ms = 3_600_000;
const months_ahead = 3;
const expiredSessionDays = 7;
const expiredCode_s = 3_600;
const keptEvents_s = 24 * 3_600;
const rowsAtOnce = 1_000;
/** Some milliseconds of a processor that requests want too; with the rest between them some thousand rows a second. */
const sealsAtOnce = 250;
/** What a second of the fastest writer leaves; folding them takes a few milliseconds. */
const deltasAtOnce = 10_000;
/** One business each time. */
const counterCheck_ms = 600 * second_ms;

/** The background jobs of the core. */
export function coreJobs(deps: PlatformDeps): BackgroundJob[] {
  const { write } = deps.db;
  const sweep = createFileSweeper(deps, createFileStorage(deps.config.files_dir));
  return [
    {
      name: "seal audit trail",
      every_ms: 2 * second_ms,
      run: async () => {
        const [row] = await write.query(sealAudit, { limit_rows: sealsAtOnce });
        return row?.sealed === sealsAtOnce;
      },
    },
    {
      name: "create audit partitions",
      every_ms: 24 * hour_ms,
      run: async () => {
        await write.query(createAuditPartitions, { months_ahead });
        return false;
      },
    },
    {
      name: "delete expired idempotency keys",
      every_ms: hour_ms,
      run: async () => {
        const [row] = await write.query(deleteExpiredIdempotencyKeys, { limit_rows: rowsAtOnce });
        return row?.deleted === rowsAtOnce;
      },
    },
    {
      name: "delete expired sessions",
      every_ms: hour_ms,
      run: async () => {
        const limits = { retention_days: expiredSessionDays, limit_rows: rowsAtOnce };
        const [row] = await write.query(deleteExpiredSessions, limits);
        return row?.deleted === rowsAtOnce;
      },
    },
    { name: "sweep files", every_ms: hour_ms, run: sweep },
    {
      name: "fold counters",
      every_ms: second_ms,
      run: async () => {
        const [row] = await write.query(foldCounters, { limit_rows: deltasAtOnce });
        return row?.folded === deltasAtOnce;
      },
    },
    {
      // While nobody listens, too: whoever comes back later is told what there was.
      name: "number events",
      every_ms: 5 * second_ms,
      run: async () => {
        const [row] = await write.query(stampEvents, { limit_rows: rowsAtOnce });
        return row?.stamped === rowsAtOnce;
      },
    },
    {
      name: "delete old events",
      every_ms: hour_ms / 4,
      run: async () => {
        const limits = { retention_s: keptEvents_s, limit_rows: rowsAtOnce };
        const [row] = await write.query(deleteOldEvents, limits);
        return row?.deleted === rowsAtOnce;
      },
    },
    { name: "check counters", every_ms: counterCheck_ms, run: createCounterCheck(deps) },
    ...otpJobs(deps),
  ];
}

function otpJobs(deps: PlatformDeps): BackgroundJob[] {
  const deliver = createCodeDelivery(deps.config.otp, deps.log);
  const forget: BackgroundJob = {
    name: "delete expired one-time codes",
    every_ms: hour_ms,
    run: async () => {
      const limits = { retention_s: expiredCode_s, limit_rows: rowsAtOnce };
      const [row] = await deps.db.write.query(deleteExpiredOtpChallenges, limits);
      return row?.deleted === rowsAtOnce;
    },
  };
  if (deliver === null) return [forget];
  return [
    forget,
    // People wait for them.
    { name: "deliver one-time codes", every_ms: second_ms, run: createOtpCourier(deps, deliver) },
  ];
}

/** Starts the background jobs; call `stop` before what they use is closed. */
export function startBackgroundJobs(deps: PlatformDeps, jobs: readonly BackgroundJob[]): RunningJobs {
  const stopping = new AbortController();
  const loops = jobs.map((job) => repeat(job, deps, stopping.signal));
  return {
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

const firstRest_ms = 5 * second_ms;
const moreRest_ms = 50;
const failureRest_ms = 10 * second_ms;
const maxFailureRest_ms = 60 * second_ms;

/** One job, run after run, never two at once; after failures in a row it rests longer and longer, up to a minute. */
async function repeat(job: BackgroundJob, { log }: PlatformDeps, signal: AbortSignal): Promise<void> {
  let failures = 0;
  let rest_ms = Math.random() * Math.min(job.every_ms, firstRest_ms);
  while (await rested(rest_ms, signal)) {
    try {
      const isMoreWaiting = await job.run();
      failures = 0;
      rest_ms = isMoreWaiting ? moreRest_ms : varied(job.every_ms);
    } catch (error) {
      failures += 1;
      const longer_ms = Math.min(job.every_ms, failureRest_ms) * 2 ** failures;
      rest_ms = varied(Math.min(longer_ms, maxFailureRest_ms));
      log.warn(
        { err: error, job: job.name, failures, rest_ms: Math.round(rest_ms) },
        "background job failed",
      );
    }
  }
}

const varied = (duration_ms: number): number => duration_ms * (0.8 + Math.random() * 0.4);

/** False when it is time to stop. */
async function rested(duration_ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(duration_ms, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}
