import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";

/** Everything the bank answers. */
export const bankRoutes = (_deps: Deps) => new Elysia({ name: "bank" });
