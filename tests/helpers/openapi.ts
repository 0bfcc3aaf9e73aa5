/**
 * Writes `src/http/openapi.json` from the routes of the application.
 *
 *     bun run openapi
 */
import { join } from "node:path";
import { tmpdir } from "node:os";
import { createApp } from "../../src/app.ts";
import type { OpenApiDocument } from "../../src/http/openapi-types.ts";
import { createCache, LocalOrder } from "../../src/platform/cache/index.ts";
import { readConfig } from "../../src/platform/config.ts";
import type { PlatformDeps } from "../../src/platform/deps.ts";
import { newId } from "../../src/platform/id.ts";
import { createLog } from "../../src/platform/log.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { systemClock } from "../../src/platform/clock.ts";

/** Where the committed document lies. */
/** A document needs no time to pass. */
const idle = { after: () => () => {} };

export const documentPath = join(import.meta.dir, "../../src/http/openapi.json");

/** What the application with every module and the default limits serves as `/openapi.json`. Needs no store. */
export async function currentDocument(): Promise<OpenApiDocument> {
  const config = readConfig({
    DATABASE_URL: "postgres://nobody@127.0.0.1:1/none",
    JWT_SECRET: "only-for-the-document-nothing-is-signed",
    DATA_DIR: join(tmpdir(), "countinghouse-openapi"),
    LOG_LEVEL: "silent",
  });
  const unasked = new Proxy(
    {},
    {
      get: (_, name) => {
        throw new Error(`the document needs no store, but ${String(name)} was asked for`);
      },
    },
  );
  const log = createLog(config, { write: () => {} });
  const deps: PlatformDeps = {
    config,
    db: unasked as PlatformDeps["db"],
    cache: createCache(
      {
        order: new LocalOrder({ clock: systemClock }),
        clock: systemClock,
        timer: idle,
        random: Math.random,
        log,
      },
      { enabled: false, l1_max_bytes: 1_048_576, lane: () => ({ name: "none", slots: 1 }) },
    ),
    redis: null,
    rateLimiter: null,
    log,
    metrics: createMetrics({ replica: "document", version: "document" }),
    clock: systemClock,
    id: newId,
  };
  const app = createApp(deps, { state: "ready", schemaProblem: () => Promise.resolve(null) });
  const response = await app.handle(new Request("http://localhost/openapi.json"), () => null);
  if (response.status !== 200)
    throw new Error(`/openapi.json answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as OpenApiDocument;
}

/** The document as text; what is committed has been through `bun fmt` too. */
export const documentText = (document: OpenApiDocument): string => `${JSON.stringify(document, null, 2)}\n`;

if (import.meta.main) {
  await Bun.write(documentPath, documentText(await currentDocument()));
  console.log(`wrote ${documentPath}`);
}
