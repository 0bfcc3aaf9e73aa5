import { openSession, type Session } from "../platform/db/session.ts";
import type { Log } from "../platform/log.ts";
import { findNextBusiness, verifyAudit } from "./statements.ts";

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

/**
 * A proof that goes business by business, each in one statement, so that it sees the business as it was at one instant and
 * no transaction stays open for all of them. `what` names the rows that are counted.
 */
export async function eachBusiness(
  session: Session,
  what: string,
  prove: (business_id: string) => Promise<{ count: number; broken: string | null }>,
): Promise<CheckResult> {
  const broken: string[] = [];
  let [rows, businesses]: [number, number] = [0, 0];
  for (let after: string | null = null; ; businesses += 1) {
    const [next]: { business_id: string }[] = await session.query(findNextBusiness, { after });
    if (next === undefined) break;
    after = next.business_id;
    const found = await prove(after);
    rows += found.count;
    if (found.broken !== null) broken.push(`of business ${after}, ${found.broken}`);
  }
  if (broken.length === 0) return { ok: true, summary: `${rows} ${what} of ${businesses} businesses proven` };
  return { ok: false, summary: `${broken.length} of ${businesses} businesses; ${broken[0] ?? ""}` };
}

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
