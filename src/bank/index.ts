import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { createPosting } from "./posting.ts";
import { transferActionRoutes } from "./transfers-actions.routes.ts";
import { transferRoutes } from "./transfers.routes.ts";

/** Everything the bank answers. */
export const bankRoutes = (deps: Deps) =>
  new Elysia({ name: "bank" }).use(transferRoutes(deps, createPosting(deps))).use(transferActionRoutes(deps));
