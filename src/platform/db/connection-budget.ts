import { getConnectionBudget, type GetConnectionBudgetRow } from "../statements.ts";
import type { Database } from "./database.ts";
import type { StandbyStats } from "./standby-lane.ts";
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
  db: Pick<Database, "fast" | "stats" | "standby">,
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
  const arithmetic = `${sum}: ${verdict}${onStandby(db.standby?.() ?? null, options.replicas)}`;
  return { server, needed, available, sufficient, arithmetic };
}

/**
 * A standby has at least the primary's `max_connections` (https://www.postgresql.org/docs/18/hot-standby.html#HOT-STANDBY-ADMIN)
 * and fewer of our connections: if the primary has enough, it has. The primary keeps its `report` lane, for when it is
 * away.
 */
function onStandby(standby: StandbyStats | null, replicas: number): string {
  if (standby === null) return "";
  const { max } = standby.lane;
  return `; on the standby ${replicas} × (${max} standby + 1 watch) = ${replicas * (max + 1)}`;
}
