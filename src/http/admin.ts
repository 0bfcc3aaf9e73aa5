import type { PlatformDeps } from "../platform/deps.ts";
import { metricsResponse } from "./metrics.ts";
import type { Handle } from "./pipeline.ts";
import { Problem, problemResponse } from "./problem.ts";

const healthPaths = new Set(["/health", "/livez", "/readyz"]);

/**
 * What the admin port answers: metrics and health, nothing else. It is never published, so whoever reaches it may read.
 */
export function createAdmin(deps: PlatformDeps, handle: Handle): Handle {
  return async (request, peer) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/metrics") return metricsResponse(deps, request.headers.get("accept"));
    if (healthPaths.has(pathname)) return handle(request, peer);
    return problemResponse(new Problem("not_found"), { path: pathname, request_id: deps.id() });
  };
}
