import { getConnectionBudget } from "../statements.ts";
import type { Database } from "./database.ts";

export type ConnectionBudget = {
  /** What the replicas may open together. */
  needed: number;
  /** What the server has for ordinary users. */
  available: number;
  sufficient: boolean;
  /** The sum as a sentence. */
  arithmetic: string;
};

/** Kept free for migrations, CSV streams, seeds, backups and a person with psql. */
const reserve_connections = 5;

/**
 * Compares what all replicas may open with what the server allows. Every connection of every lane counts, used or not,
 * because under load all are opened.
 *
 * @throws as `Lane.query`
 */
export async function connectionBudget(
  db: Pick<Database, "fast" | "stats">,
  options: { replicas: number },
): Promise<ConnectionBudget> {
  const rows = await db.fast.query(getConnectionBudget, { application_pattern: "countinghouse/%" });
  const { max_connections = 0, reserved_connections = 0 } = rows[0] ?? {};
  const { fast, write, report } = db.stats();
  const each = fast.max + write.max + report.max;
  const needed = options.replicas * each + reserve_connections;
  const available = max_connections - reserved_connections;
  const sufficient = needed <= available;
  const sum =
    `${options.replicas} replicas × (${fast.max} fast + ${write.max} write + ${report.max} report) ` +
    `+ ${reserve_connections} in reserve = ${needed}; ` +
    `max_connections ${max_connections} − ${reserved_connections} reserved = ${available}`;
  const missing = `${needed - available} too few: lower DB_FAST_MAX, DB_WRITE_MAX or DB_REPORT_MAX, or raise max_connections`;
  return { needed, available, sufficient, arithmetic: sufficient ? `${sum}: enough` : `${sum}: ${missing}` };
}
