import { SQL } from "bun";
import { businessTags, type Cache, type Tag } from "../../src/platform/cache/index.ts";

const writers = 64;
const connections = 16;
const accounts = 10_000;
const rounds = 5;
const accountTag = businessTags("account");

const transfer = `moved as (
    update load_accounts set balance = balance + case id when $1 then -1 else 1 end where id in ($1, $2)
  ), entered as (
    insert into load_entries (account_id, amount) values ($1, -1), ($2, 1)
  )`;

/**
 * Transfers a second of 64 writers on 16 connections, each one durable statement that moves two balances and enters two lines: with the
 * outbox row in the statement and the bump behind it, and without both, in alternating rounds.
 *
 * @returns medians, transfers a second
 */
export async function compareWrites(
  cache: Cache,
  url: string,
  seconds: number,
): Promise<{ announced: number; silent: number }> {
  await using sql = new SQL({ url, max: connections, idleTimeout: 0 });
  await sql.unsafe(`create table load_accounts (id int primary key, balance bigint not null) with (fillfactor = 50);
    create table load_entries (id bigint generated always as identity primary key, account_id int, amount bigint);
    insert into load_accounts select n, 0 from generate_series(1, ${accounts}) n`);
  const silent = async (from: number, to: number) => {
    await sql.unsafe(`with ${transfer} select 1`, [from, to]);
  };
  const announced = async (from: number, to: number) => {
    const tags = [from, to].map((id) => accountTag("acme", String(id)));
    const rows: { id: string }[] = await sql.unsafe(
      `with ${transfer} insert into core.cache_outbox (tags) values ($3::text::text[]) returning id::text`,
      [from, to, `{${tags.map((tag) => JSON.stringify(tag)).join()}}`],
    );
    await heard(cache, tags, rows[0]?.id ?? "0");
  };
  const [loud, quiet]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    const [with_row, without] = [await run(announced, seconds), await run(silent, seconds)];
    if (round === 0) continue;
    loud.push(with_row);
    quiet.push(without);
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
  return { announced: median(loud), silent: median(quiet) };
}

async function heard(cache: Cache, tags: readonly Tag[], outbox_id: string): Promise<void> {
  await cache.invalidate(tags, { outbox_ids: [BigInt(outbox_id)] });
}

async function run(write: (from: number, to: number) => Promise<void>, seconds: number): Promise<number> {
  const began = performance.now();
  const until = began + seconds * 1000;
  let done = 0;
  const work = async (): Promise<void> => {
    while (performance.now() < until) {
      const from = 1 + Math.floor(Math.random() * (accounts - 1));
      // The higher one second: two that cross do not wait for each other for ever.
      await write(from, from + 1);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: writers }, work));
  return (done * 1000) / (performance.now() - began);
}
