import type { Deps } from "../http/deps.ts";
import type { FindLiving } from "../http/websocket-events.ts";
import { findLivingSessions } from "./statements.ts";

/** Asks the database itself, so that it holds whatever becomes of Redis: one read for all who are connected. */
export function createFindLiving({ db }: Pick<Deps, "db">): FindLiving {
  return async (principals) => {
    const rows = await db.fast.query(findLivingSessions, {
      session_ids: principals.map(({ session_id }) => session_id),
      business_ids: principals.map(({ business_id }) => business_id),
    });
    const living = new Set(rows.map(({ session_id, business_id }) => `${session_id}/${business_id}`));
    return new Set(
      principals.filter(({ session_id, business_id }) => living.has(`${session_id}/${business_id}`)),
    );
  };
}
