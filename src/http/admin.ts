import type { PlatformDeps } from "../platform/deps.ts";
import { metricsResponse } from "./metrics.ts";
import type { Handle } from "./pipeline.ts";
import { Problem, problemResponse } from "./problem.ts";
import { pathOf } from "./target.ts";

const healthPaths = new Set(["/health", "/livez", "/readyz"]);

/**
 * What the admin port answers: metrics and health, nothing else. It is never published, so whoever reaches it may read.
 */
export function createAdmin(deps: PlatformDeps, handle: Handle): Handle {
  return async (request, peer) => {
    const path = pathOf(request.url);
    if (path === "/metrics") return metricsResponse(deps, request.headers.get("accept"));
    if (healthPaths.has(path)) return handle(request, peer);
    return problemResponse(new Problem("not_found"), { path, request_id: deps.id() });
  };
}
