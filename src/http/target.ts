// Host and the request target: https://www.rfc-editor.org/rfc/rfc9110#section-7.2
import { Problem } from "./problem.ts";

/** The path without the query, by position: `URL` would parse the whole for every request. */
export function pathOf(url: string): string {
  // Bun leaves a Host that is none out of the URL, which then begins with the path.
  const from = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  if (from < 0) return "/";
  const query = url.indexOf("?", from);
  return query < 0 ? url.slice(from) : url.slice(from, query);
}

/** The request, with a host where HTTP/1.0 names none: health checks of load balancers do not. */
export function withHost(request: Request): Request {
  const { url } = request;
  if (!url.startsWith("/") || request.headers.has("host")) return request;
  return new Request(`http://localhost${url}`, request);
}

/**
 * Refuses a request whose Host makes no URL: everybody after this may parse it. Nearly all requests name the host that
 * the one before named, which is not looked at twice.
 */
export function createHostCheck(): (url: string) => void {
  let known = " ";
  return (url) => {
    if (url.startsWith(known) && url[known.length] === "/") return;
    const origin = url.slice(0, url.indexOf("/", "http://".length + 1));
    if (!URL.canParse(origin)) {
      throw new Problem("invalid_header", { detail: "Host must name a host, with a port or without" });
    }
    known = origin;
  };
}
