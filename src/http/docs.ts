// The documentation: https://spec.openapis.org/oas/v3.0.3 at /openapi.json, for people at /docs
import { Elysia, t } from "elysia";
import type { PlatformDeps } from "../platform/deps.ts";
import { demo_emails } from "../platform/demo.ts";
import { listDemoLogins } from "../platform/statements.ts";
import { version } from "../platform/version.ts";
import { files } from "./docs/files.ts";
import { errorsPage, guidePage } from "./docs/guide.ts";
import { type Page, pageHeaders, renderPage } from "./docs/page.ts";
import { type DemoLogin, referencePage } from "./docs/reference.ts";
import { entityTag } from "./etag.ts";
import { openApiDocument, type RegisteredRoute } from "./openapi.ts";
import { operation } from "./operation.ts";
import type { Permission } from "./policy.ts";
import { limitPolicies } from "./rate-limit.ts";
import { strict } from "./schema.ts";
import { type Assets, openAssets } from "./static.ts";

/** What every page and file of the documentation declares: public, uncounted, and no part of the API it documents. */
const served = (id: string, summary: string, produces: readonly string[]) =>
  operation({
    id,
    summary,
    description: `${summary}.`,
    tag: "Documentation",
    permission: "public" satisfies Permission,
    limit: "none",
    hidden: true,
    produces,
    cache: { uncached: "made once, and held by every replica" },
  });

const html = ["text/html"];

/**
 * `/openapi.json` of the application these routes are mounted on, and the pages that show it. Everything is made once,
 * when it is first asked for.
 */
export const docsRoutes = (deps: PlatformDeps) => {
  const docs = new Elysia({ name: "http.docs" });
  const limits = limitPolicies(deps.config.rate_limits);
  const document = once(async () => {
    const tables = { version, limits, definitions: deps.cache.definitions() };
    const text = JSON.stringify(await openApiDocument(routesAround(docs), tables));
    return { text, etag: entityTag(text) };
  });
  const assets = once(() => openAssets("/docs/assets", files));
  const page = async (content: Page) => respond(content, await assets());

  return docs
    .get(
      "/openapi.json",
      async () => {
        const { text, etag } = await document();
        const caching = "public, max-age=300, stale-while-revalidate=3600";
        return new Response(text, {
          headers: { "content-type": "application/json", "cache-control": caching, etag },
        });
      },
      { detail: served("getOpenApi", "The OpenAPI document", ["application/json"]) },
    )
    .get("/", () => new Response(null, { status: 302, headers: { location: "/docs" } }), {
      detail: served("getRoot", "The way to the documentation", html),
    })
    .get("/docs", async () => page(referencePage({ version, logins: await demoLogins(deps) })), {
      detail: served("getDocs", "The interactive reference", html),
    })
    .get("/docs/guide", () => page(guidePage({ limits, definitions: deps.cache.definitions() })), {
      detail: served("getGuide", "The guide", html),
    })
    .get("/docs/errors", () => page(errorsPage()), { detail: served("getErrors", "The error codes", html) })
    .get("/docs/assets/:file", async ({ params }) => (await assets()).read(params.file), {
      params: strict({ file: t.String({ maxLength: 100 }) }),
      detail: served(
        "getAsset",
        "A file of the documentation",
        files.map(({ media_type }) => media_type.split(";", 1)[0] ?? media_type),
      ),
    });
};

/** The routes of the whole application: a mounted plugin asks it for them, as @elysiajs/swagger does. */
function routesAround(plugin: object): readonly RegisteredRoute[] {
  return (plugin as { getGlobalRoutes(): readonly RegisteredRoute[] }).getGlobalRoutes();
}

function respond(content: Page, assets: Assets): Response {
  const text = renderPage(content, assets);
  return new Response(text, { headers: { ...pageHeaders, etag: entityTag(text) } });
}

/** The demo logins that work here; none on a server that is no demo, or whose database cannot be asked now. */
async function demoLogins({ config, db }: PlatformDeps): Promise<readonly DemoLogin[]> {
  if (!config.demo) return [];
  return db.fast.query(listDemoLogins, { emails: demo_emails }).catch(() => []);
}

/** Makes a thing at the first call; a failure is not kept. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
}
