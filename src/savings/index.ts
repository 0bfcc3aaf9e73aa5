import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";

/** Everything savings answers. */
export const savingsRoutes = (_deps: Deps) => new Elysia({ name: "savings" });
