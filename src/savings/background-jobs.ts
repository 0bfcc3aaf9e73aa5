import type { BackgroundJob } from "../core/background-jobs.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { handleDueEvent } from "./statements.ts";

const second_ms = 1_000;
/** What a request has for the event that it brought, before somebody else looks after it. */
const grace_s = 5;
/** One transaction each: an event locks its account, and holds it for nobody else. */
const eventsAtOnce = 100;

/** The background jobs of savings. */
export function savingsJobs(deps: Pick<PlatformDeps, "db" | "log" | "metrics">): BackgroundJob[] {
  return [
    { name: "handle payment events", every_ms: 2 * second_ms, run: () => handleDueEvents(deps, grace_s) },
  ];
}

/**
 * Works on events of payment providers that were kept and not finished: the process that took them died, or the database
 * refused. @returns whether more may wait
 */
export async function handleDueEvents(
  { db, log, metrics }: Pick<PlatformDeps, "db" | "log" | "metrics">,
  after_s: number,
): Promise<boolean> {
  for (let done = 0; done < eventsAtOnce; done += 1) {
    const [event] = await db.write.query(handleDueEvent, { grace_s: after_s });
    if (event === undefined) return false;
    const { provider, event_id, result, error } = event;
    metrics.payment(result ?? "failed");
    if (error !== null)
      log.warn({ provider, event_id, reason: error }, "an event of a payment provider waits");
  }
  return true;
}
