import type { PlatformDeps } from "../platform/deps.ts";
import type { IntegrityCheck } from "../platform/metrics.ts";
import { findNextBusiness } from "./statements.ts";

/**
 * A background check of one business, another one each time: `prove` says what is broken in it, or null. What is broken
 * is in the log and in `integrity_checks_total`, for which there is an alert. It repairs nothing: a difference is a bug,
 * which a repair would hide.
 *
 * @returns a run for the background jobs
 */
export function createIntegrityCheck(
  { db, log, metrics }: Pick<PlatformDeps, "db" | "log" | "metrics">,
  check: IntegrityCheck,
  prove: (business_id: string) => Promise<string | null>,
): () => Promise<boolean> {
  let after: string | null = null;
  return async () => {
    const [next] = await db.report.query(findNextBusiness, { after });
    after = next?.business_id ?? null;
    if (after === null) return false;
    const broken = await prove(after);
    metrics.integrity(check, broken === null ? "held" : "broken");
    if (broken !== null) log.error({ check, business_id: after, broken }, "data is broken");
    return false;
  };
}
