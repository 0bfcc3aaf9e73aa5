import type { CacheDatabase, Delivery, LoneLock, Pass, PassRequest } from "./cache/database.ts";
import type { Session } from "./db/session.ts";
import type { Queryable } from "./db/call.ts";
import { deleteCacheOutbox, lockCacheAlone, passCacheRelay, releaseCacheRelay } from "./statements.ts";

const LOCK_NAME = "countinghouse.cache";

/**
 * What the cache asks of PostgreSQL, by our statements.
 *
 * @param runner runs single statements with a deadline: the write lane
 * @param openSession opens a connection of its own, for the lock of a lone process
 */
export function cacheDatabase(runner: Queryable, openSession: () => Promise<Session>): CacheDatabase {
  return {
    async pass(request: PassRequest): Promise<Pass | null> {
      const [row] = await runner.query(passCacheRelay, request);
      if (row === undefined) return null;
      const pending = JSON.parse(row.pending) as [string, string[]][];
      return {
        tenure: row.tenure,
        servers: JSON.parse(row.servers) as (string | null)[],
        wal: row.wal,
        pending: pending.map(([id, tags]) => ({ id, tags })),
        oldest_ms: row.oldest_ms,
      };
    },
    async release(holder: string): Promise<void> {
      await runner.query(releaseCacheRelay, { holder });
    },
    async remove(deliveries: readonly Delivery[]): Promise<void> {
      await runner.query(deleteCacheOutbox, {
        ids: deliveries.map(({ id }) => id),
        cells: deliveries.map(({ cell }) => cell),
        servers: deliveries.map(({ server }) => server),
      });
    },
    async lock(): Promise<LoneLock | null> {
      const session = await openSession();
      const prove = async (): Promise<boolean> =>
        (await session.query(lockCacheAlone, { name: LOCK_NAME }))[0]?.is_locked === true;
      try {
        if (await prove()) return { prove, close: () => session.close() };
      } catch (error) {
        await session.close();
        throw error;
      }
      await session.close();
      return null;
    },
  };
}
