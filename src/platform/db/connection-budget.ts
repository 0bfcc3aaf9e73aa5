import { getConnectionBudget, type GetConnectionBudgetRow } from "../statements.ts";
import type { Database } from "./database.ts";
import type { QueryContext } from "./statement.ts";

export type ConnectionBudget = Readonly<{
  /** What the server allows and what is open now. */
  server: GetConnectionBudgetRow;
  /** What the replicas may open together, with the reserve. */
  needed: number;
  /** What the server has for ordinary users. */
  available: number;
  sufficient: boolean;
  /** The sum as a sentence. */
  arithmetic: string;
}>;

/** Kept free for migrations, seeds, backups and a person with psql. */
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
  context?: QueryContext,
): Promise<ConnectionBudget> {
  const [server] = await db.fast.query(
    getConnectionBudget,
    { application_pattern: "countinghouse/%" },
    context,
  );
  if (server === undefined) throw new Error("the server always has a connection budget");
  const { max_connections, reserved_connections } = server;
  const { fast, write, report } = db.stats();
  const needed = options.replicas * (fast.max + write.max + report.max) + reserve_connections;
  const available = max_connections - reserved_connections;
  const sufficient = needed <= available;
  const sum =
    `${options.replicas} ${options.replicas === 1 ? "replica" : "replicas"} × ` +
    `(${fast.max} fast + ${write.max} write + ${report.max} report) + ${reserve_connections} in reserve = ${needed}; ` +
    `max_connections ${max_connections} − ${reserved_connections} reserved = ${available}`;
  const verdict = sufficient ? "enough" : `${needed - available} too few`;
  return { server, needed, available, sufficient, arithmetic: `${sum}: ${verdict}` };
}
