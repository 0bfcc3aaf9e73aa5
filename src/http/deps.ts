import type { PlatformDeps } from "../platform/deps.ts";
import type { Cursors } from "./pagination.ts";
import type { RateLimits } from "./rate-limit.ts";
import type { Tokens } from "./tokens.ts";

/** What services and routes are given. `rateLimits`: null when limits are switched off. */
export type Deps = PlatformDeps &
  Readonly<{ cursors: Cursors; tokens: Tokens; rateLimits: RateLimits | null }>;
