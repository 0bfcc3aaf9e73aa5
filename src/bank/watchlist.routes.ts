import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list, written } from "../http/respond.ts";
import { IdParams, Instant, listParameters, ListOf, strict, Text, Uuid, Version } from "../http/schema.ts";
import { unwatch, watch, watchlistPage } from "./watchlist.ts";

const WatchlistEntry = t.Object({
  id: Uuid,
  name: t.String(),
  source: t.String({ description: "The list that it is from", examples: ["UN 1267"] }),
  is_own: t.Boolean({ description: "false: every business of the installation watches for it" }),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

/** Names that the beneficiaries of wires are screened against. */
export const watchlistRoutes = (deps: Deps) =>
  new Elysia({ name: "bank.watchlist", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/watchlist",
      async ({ caller, scope, query }) => list(deps, { caller, scope, query }, watchlistPage),
      {
        query: strict(listParameters),
        response: { 200: ListOf(WatchlistEntry) },
        detail: operation({
          id: "listWatchlist",
          cache: { uncached: "read seldom, and by few" },
          permission: "watchlist",
          tag: "Bank: watchlist",
          summary: "Names that wires are screened against",
          description: "Those of the business and those of the installation, newest first.",
          errors: ["invalid_cursor"],
        }),
      },
    )
    .post("/watchlist", async ({ caller, body }) => written(await watch(deps, caller, body)), {
      body: strict({
        name: Text(200, "Whom to watch for; accents, case and the order of words do not matter"),
        source: Text(100, "The list that it is from"),
      }),
      response: { 201: WatchlistEntry },
      detail: operation({
        id: "createWatchlistEntry",
        permission: "watchlist",
        tag: "Bank: watchlist",
        idempotency: "optional",
        success: 201,
        summary: "Watch for a name",
        description: "Wires are screened when they are made and again when they are approved.",
        errors: ["already_exists"],
        examples: { request: { name: "Ivan Drago", source: "UN 1267" } },
      }),
    })
    .delete("/watchlist/:id", async ({ caller, params }) => written(await unwatch(deps, caller, params.id)), {
      params: IdParams,
      detail: operation({
        id: "deleteWatchlistEntry",
        permission: "watchlist",
        tag: "Bank: watchlist",
        success: 204,
        summary: "Watch for a name no longer",
        description: "Names of the installation stay. Wires that were screened keep their score.",
        errors: ["not_found"],
      }),
    });
