import type { PlatformDeps } from "../platform/deps.ts";
import { toProblem } from "./errors.ts";
import { answerClear } from "./health-cache.ts";
import { metricsResponse } from "./metrics.ts";
import type { Handle } from "./pipeline.ts";
import { Problem, problemResponse } from "./problem.ts";
import { requestIdOf } from "./request-id.ts";
import { pathOf } from "./target.ts";

const healthPaths = new Set(["/health", "/livez", "/readyz"]);

/**
 * What the admin port answers: metrics, health, and `POST /cache/clear`. It is never published: whoever reaches it is trusted.
 */
export function createAdmin(deps: PlatformDeps, handle: Handle): Handle {
  return async (request, peer) => {
    const path = pathOf(request.url);
    if (healthPaths.has(path)) return handle(request, peer);
    const request_id = requestIdOf(request.headers.get("x-request-id"));
    const response = await answer(deps, path, request).catch((error: unknown) => {
      const problem = toProblem(error);
      if (problem.code === "internal") deps.log.error({ request_id, path, err: error }, "internal error");
      return problemResponse(problem, { path, request_id });
    });
    response.headers.set("x-request-id", request_id);
    response.headers.set("x-replica", deps.config.replica);
    return response;
  };
}

async function answer(deps: PlatformDeps, path: string, request: Request): Promise<Response> {
  if (path === "/metrics") return metricsResponse(deps, request.headers.get("accept"));
  if (path === "/cache/clear") return answerClear(deps, request);
  throw new Problem("not_found");
}
