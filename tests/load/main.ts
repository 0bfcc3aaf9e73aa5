/**
 * Measures the server against a yardstick of the same run.
 *
 *     bun run load <scenario> [--seconds <n>] [--sizes 10k,1m] [--folder <kept between runs>]
 *
 * The exit code is 0 when the scenario's floors hold, 1 when they do not, 64 for words that name no scenario.
 */
import { parseArgs } from "node:util";
import { measureAllocations } from "./allocations.ts";
import { measureCache } from "./cache.ts";
import { measureCacheHit } from "./cache-hit.ts";
import { measureCachedRead } from "./cached-read.ts";
import { measureCachedRedis } from "./cached-redis.ts";
import { measureChat } from "./chat.ts";
import { measureDashboardsGrowth } from "./dashboards-growth.ts";
import { measureJobPages } from "./job-pages.ts";
import { measureMarkings } from "./markings.ts";
import { measurePointRead } from "./point-read.ts";
import { measureReplicas } from "./replicas.ts";
import { measureSavingsMetrics } from "./savings-metrics.ts";
import { measureShopFreshness } from "./shop-freshness.ts";
import { measureShopWrites } from "./shop-writes.ts";
import { measureSockets } from "./sockets.ts";
import { measureHotAccount, measureTransfers } from "./transfer.ts";

/** How long each round of a scenario measures, or at which sizes, kept where; and whether its floors held. */
type Scenario = (options: { seconds: number; sizes?: string; folder?: string }) => Promise<boolean>;

const scenarios: Readonly<Record<string, Scenario>> = {
  allocations: measureAllocations,
  cache: measureCache,
  "cache-hit": measureCacheHit,
  "cached-read": measureCachedRead,
  "cached-redis": measureCachedRedis,
  chat: measureChat,
  "dashboards-growth": measureDashboardsGrowth,
  "job-pages": measureJobPages,
  markings: measureMarkings,
  "point-read": measurePointRead,
  replicas: measureReplicas,
  transfer: measureTransfers,
  "hot-account": measureHotAccount,
  "savings-metrics": measureSavingsMetrics,
  "shop-freshness": measureShopFreshness,
  "shop-writes": measureShopWrites,
  sockets: measureSockets,
};

const usage = `bun run load <scenario> [--seconds <n>] [--sizes 10k,1m] [--folder <kept between runs>]
scenarios: ${Object.keys(scenarios).join(", ")}`;

type Words = { scenario: Scenario; options: Parameters<Scenario>[0] };

function readWords(): Words | null {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: "string", default: "5" },
        sizes: { type: "string" },
        folder: { type: "string" },
      },
    });
    const [name = "", ...others] = positionals;
    const scenario = scenarios[name];
    const seconds = Number(values.seconds);
    return scenario === undefined || others.length > 0 || !(seconds > 0)
      ? null
      : { scenario, options: { ...values, seconds } };
  } catch {
    return null;
  }
}

const words = readWords();
if (words === null) {
  console.error(usage);
  process.exit(64);
}
process.exit((await words.scenario(words.options)) ? 0 : 1);
