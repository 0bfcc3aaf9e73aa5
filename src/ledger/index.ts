import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";

/** Everything the ledger answers by itself. */
export const ledgerRoutes = (_deps: Deps) => new Elysia({ name: "ledger" });
