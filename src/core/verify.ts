import { openSession, type Session } from "../platform/db/session.ts";
import type { Log } from "../platform/log.ts";
import { verifyAudit } from "./statements.ts";

/** What a check proved, or the first thing that is broken, in words for the person at the terminal. */
export type CheckResult = Readonly<{ ok: boolean; summary: string }>;

/** Something about the data that must hold, proven from the data. */
export type Check = Readonly<{ name: string; run: (session: Session) => Promise<CheckResult> }>;

const reasons: Readonly<Record<string, string>> = {
  changed: "was changed after it was sealed",
  missing: "is missing",
  tail_missing: "is missing, with all that followed it",
  beyond_head: "was never sealed by us",
};

/** The hash chain of the audit trail. */
export const auditCheck: Check = {
  name: "audit trail",
  run: async (session) => {
    const [row] = await session.query(verifyAudit, { subject: "audit trail" });
    if (row === undefined) throw new Error("the proof of the audit trail has no result");
    const { verified, unsealed, reason, seq, id, at } = row;
    if (reason === null) {
      return { ok: true, summary: `${verified} rows proven, ${unsealed} not sealed yet` };
    }
    const place = id === null ? `row ${seq}` : `row ${seq} (id ${id}, ${at})`;
    return {
      ok: false,
      summary: `${place} ${reasons[reason] ?? reason}; ${verified} rows before it are proven`,
    };
  },
};

/** What `verify` is given. `out` takes one line for a person; `checks` replaces all checks in tests. */
export type VerifyOptions = Readonly<{
  url: string;
  log: Pick<Log, "error">;
  out: (line: string) => void;
  checks?: readonly Check[];
}>;

/**
 * Proves what must hold and says what it proved. Every check runs, also after one that failed. Reads only.
 *
 * @returns whether all of it holds
 * @throws {DatabaseUnavailable} without a database
 */
export async function proveAll({ url, log, out, checks = [auditCheck] }: VerifyOptions): Promise<boolean> {
  const session = await openSession(url, { application_name: "countinghouse/verify" });
  try {
    await session.run("set default_transaction_read_only = on");
    let broken = 0;
    for (const check of checks) {
      const started_ms = performance.now();
      const { ok, summary } = await check.run(session);
      const seconds = ((performance.now() - started_ms) / 1000).toFixed(1);
      out(`${ok ? "ok    " : "BROKEN"} ${check.name}: ${summary} (${seconds} s)`);
      if (ok) continue;
      broken += 1;
      log.error({ check: check.name, summary }, "verification failed");
    }
    return broken === 0;
  } finally {
    await session.close();
  }
}
