/**
 * One replica of the cache's order as a process of its own, so that a test can stop and kill it.
 *
 *     bun tests/helpers/cache-replica.ts <redis url> <database url> <tag>
 *
 * Says every 10 ms, as a line of JSON, where it stands; `number` is the latest number of the tag that it knows of.
 */
import { databaseOf, isLive, startOrder } from "./cache-order.ts";
import { connect } from "./database.ts";

export type ReplicaState = Readonly<{ at: number; live: boolean; relays: boolean; number: number }>;

const [redisUrl = "", databaseUrl = "", tag = ""] = process.argv.slice(2);
const sql = connect(databaseUrl);
const order = startOrder(redisUrl, databaseOf(sql, databaseUrl));

/** The highest position that the tag's bumps make wrong, found by asking. */
function known(): number {
  const { cell } = order.at(order.cellOf(tag.slice(0, tag.search(/[|!]/))));
  let [low, high] = [cell.floor, cell.heard];
  const stamp = (position: number) => ({
    generation: cell.generation,
    position,
    sequence: cell.sequence,
    began: 0,
    began_wall: 0,
    judged: 0,
  });
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (cell.unbumped(stamp(middle), [tag])) high = middle;
    else low = middle + 1;
  }
  return low;
}

setInterval(() => {
  const state: ReplicaState = { at: Date.now(), live: isLive(order), relays: order.relays, number: known() };
  process.stdout.write(`${JSON.stringify(state)}\n`);
}, 10);
