import type { PlatformDeps } from "../platform/deps.ts";
import { toProblem } from "./errors.ts";
import { answerClear } from "./health-cache.ts";
import { metricsResponse } from "./metrics.ts";
import type { Handle } from "./pipeline.ts";
import { Problem, problemResponse } from "./problem.ts";
import { pathOf } from "./target.ts";

const healthPaths = new Set(["/health", "/livez", "/readyz"]);

/**
 * What the admin port answers: metrics, health, and `POST /cache/clear`. It is never published: whoever reaches it is trusted.
 */
export function createAdmin(deps: PlatformDeps, handle: Handle): Handle {
  return async (request, peer) => {
    const path = pathOf(request.url);
    if (path === "/metrics") return metricsResponse(deps, request.headers.get("accept"));
    if (healthPaths.has(path)) return handle(request, peer);
    try {
      if (path === "/cache/clear") return await answerClear(deps, request);
      throw new Problem("not_found");
    } catch (error) {
      const request_id = deps.id();
      const response = problemResponse(toProblem(error), { path, request_id });
      response.headers.set("x-request-id", request_id);
      return response;
    }
  };
}
