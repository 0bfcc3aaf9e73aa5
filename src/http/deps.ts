import type { PlatformDeps } from "../platform/deps.ts";
import type { Cursors } from "./pagination.ts";
import type { Tokens } from "./tokens.ts";

/** What services and routes are given. */
export type Deps = PlatformDeps & Readonly<{ cursors: Cursors; tokens: Tokens }>;
