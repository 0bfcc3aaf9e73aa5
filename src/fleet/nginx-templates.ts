import cache from "../../deploy/nginx/cache.conf.template" with { type: "text" };
import canary from "../../deploy/nginx/canary.conf.template" with { type: "text" };
import clientAddress from "../../deploy/nginx/client-address.conf.template" with { type: "text" };
import defaults from "../../deploy/nginx/defaults.envsh" with { type: "text" };
import gzip from "../../deploy/nginx/gzip.conf.template" with { type: "text" };
import headers from "../../deploy/nginx/headers.conf.template" with { type: "text" };
import keyedRoutes from "../../deploy/nginx/keyed-routes.conf.template" with { type: "text" };
import limits from "../../deploy/nginx/limits.conf.template" with { type: "text" };
import log from "../../deploy/nginx/log.conf.template" with { type: "text" };
import main from "../../deploy/nginx/nginx.conf.template" with { type: "text" };
import problem from "../../deploy/nginx/problem.conf.template" with { type: "text" };
import problemPages from "../../deploy/nginx/problem-pages.conf.template" with { type: "text" };
import problems from "../../deploy/nginx/problems.conf.template" with { type: "text" };
import proxy from "../../deploy/nginx/proxy.conf.template" with { type: "text" };
import publicCache from "../../deploy/nginx/public-cache.conf.template" with { type: "text" };
import reloadLocations from "../../deploy/nginx/reload-locations.conf.template" with { type: "text" };
import reload from "../../deploy/nginx/reload.conf.template" with { type: "text" };
import requestId from "../../deploy/nginx/request-id.conf.template" with { type: "text" };
import requests from "../../deploy/nginx/requests.conf.template" with { type: "text" };
import retries from "../../deploy/nginx/retries.conf.template" with { type: "text" };
import securityHeaders from "../../deploy/nginx/security-headers.conf.template" with { type: "text" };
import server from "../../deploy/nginx/server.conf.template" with { type: "text" };
import timeouts from "../../deploy/nginx/timeouts.conf.template" with { type: "text" };
import upstream from "../../deploy/nginx/upstream.conf.template" with { type: "text" };

/** The script with the variables' defaults. */
export const defaultsText: string = defaults;

/** The templates of `deploy/nginx` by the name of the file that each becomes. */
export const templates: Readonly<Record<string, string>> = {
  "cache.conf": cache,
  "canary.conf": canary,
  "client-address.conf": clientAddress,
  "gzip.conf": gzip,
  "headers.conf": headers,
  "keyed-routes.conf": keyedRoutes,
  "limits.conf": limits,
  "log.conf": log,
  "nginx.conf": main,
  "problem.conf": problem,
  "problem-pages.conf": problemPages,
  "problems.conf": problems,
  "proxy.conf": proxy,
  "public-cache.conf": publicCache,
  "reload-locations.conf": reloadLocations,
  "reload.conf": reload,
  "request-id.conf": requestId,
  "requests.conf": requests,
  "retries.conf": retries,
  "security-headers.conf": securityHeaders,
  "server.conf": server,
  "timeouts.conf": timeouts,
  "upstream.conf": upstream,
};
