import type { BackgroundJob } from "../core/background-jobs.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { endLostChatAnswers } from "./statements.ts";

const endsAtOnce = 200;

/** Ends the answers of servers that are gone: with the lease of the answer, within half a minute of their end. */
export function chatJobs({ db, log }: Pick<PlatformDeps, "db" | "log">): BackgroundJob[] {
  return [
    {
      name: "end lost chat answers",
      every_ms: 5_000,
      run: async () => {
        const [row] = await db.write.query(endLostChatAnswers, { limit_rows: endsAtOnce });
        const ended = row?.ended ?? 0;
        if (ended > 0) log.warn({ ended }, "answers of a server that is gone were ended");
        return ended === endsAtOnce;
      },
    },
  ];
}
