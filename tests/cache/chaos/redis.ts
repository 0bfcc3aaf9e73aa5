import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "redis";
import { startRedis } from "../../helpers/redis.ts";
import { pick } from "./random.ts";

/** A real Redis with everything that may happen to one. */
export type ChaosRedis = Readonly<{
  port: number;
  /** Keeps the data as they are now, to come back to with `restartOld`. */
  snapshot(): Promise<void>;
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  startEmpty(): Promise<void>;
  startOld(): Promise<void>;
  command(...words: string[]): Promise<unknown>;
  /** Removes so many keys, as eviction might; resolves to their names. */
  evict(count: number, random: () => number): Promise<string[]>;
  /** Removes everything from the streams but so many entries. */
  trim(keep: number): Promise<void>;
  /** Calls by command since the server started. */
  calls(): Promise<Record<string, number>>;
  stop(): Promise<void>;
}>;

export async function startChaosRedis(): Promise<ChaosRedis> {
  const server = await startRedis({ flags: ["--maxmemory-policy", "volatile-lru"] });
  const client = createClient({ url: server.url, socket: { reconnectStrategy: () => 50 } });
  client.on("error", () => {});
  await client.connect();
  const folder = String(
    ((await client.sendCommand(["CONFIG", "GET", "dir"])) as unknown as Record<string, string>)["dir"],
  );
  const [dump, kept] = [join(folder, "dump.rdb"), join(folder, "kept.rdb")];
  const command = (...words: string[]): Promise<unknown> => client.sendCommand(words);
  const keys = async (): Promise<string[]> => (await command("KEYS", "ch:*")) as string[];
  return {
    port: Number(new URL(server.url).port),
    async snapshot() {
      await command("SAVE");
      copyFileSync(dump, kept);
      rmSync(dump);
    },
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    kill: () => server.kill(),
    async startEmpty() {
      rmSync(dump, { force: true });
      await server.start();
    },
    async startOld() {
      if (existsSync(kept)) copyFileSync(kept, dump);
      await server.start();
      rmSync(dump, { force: true });
    },
    command,
    async evict(count, random) {
      const all = await keys();
      const gone = all.length === 0 ? [] : Array.from({ length: count }, () => pick(random, all));
      if (gone.length > 0) await command("DEL", ...gone);
      return gone;
    },
    async trim(keep) {
      for (const key of await keys()) {
        if (key.endsWith(":s")) await command("XTRIM", key, "MAXLEN", String(keep));
      }
    },
    async calls() {
      const calls: Record<string, number> = {};
      for (const line of String(await command("INFO", "commandstats")).split("\r\n")) {
        const found = /^cmdstat_([^:]+):calls=(\d+)/.exec(line);
        if (found !== null) calls[found[1] ?? ""] = Number(found[2]);
      }
      return calls;
    },
    async stop() {
      client.destroy();
      await server.stop();
    },
  };
}
