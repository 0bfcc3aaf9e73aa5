import type { BackgroundJob } from "../core/background-jobs.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { expireKyc } from "./statements.ts";

const minute_ms = 60_000;
const customersAtOnce = 100;

/** The background jobs of the bank. */
export const bankJobs = ({ db: { write } }: Pick<PlatformDeps, "db">): BackgroundJob[] => [
  {
    name: "expire KYC",
    every_ms: minute_ms,
    run: async () => {
      const [row] = await write.query(expireKyc, { limit_rows: customersAtOnce });
      return row?.expired === customersAtOnce;
    },
  },
];
