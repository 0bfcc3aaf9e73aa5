import type { BackgroundJob } from "../core/background-jobs.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { interestJob } from "./interest.ts";
import { expireKyc } from "./statements.ts";

const minute_ms = 60_000;
const customersAtOnce = 100;

/** The background jobs of the bank. */
export const bankJobs = (deps: Pick<PlatformDeps, "db" | "cache" | "id">): BackgroundJob[] => [
  {
    name: "expire KYC",
    every_ms: minute_ms,
    run: async () => {
      const [row] = await deps.db.write.query(expireKyc, { limit_rows: customersAtOnce });
      return row?.expired === customersAtOnce;
    },
  },
  interestJob(deps),
];
