import type { Assets } from "../static.ts";

export type Page = {
  title: string;
  /** Which entry of the navigation is this page. */
  path: "/docs" | "/docs/guide" | "/docs/errors";
  /** HTML. */
  main: string;
  /** The page runs Swagger UI. */
  interactive?: boolean;
};

const navigation = [
  ["/docs", "Reference"],
  ["/docs/guide", "Guide"],
  ["/docs/errors", "Errors"],
  ["/openapi.json", "openapi.json"],
] as const;

/**
 * Scripts and styles are files of this server and nothing else: no inline script, no inline style, no other host.
 * Swagger UI draws its arrows as data: images.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of a page: it is asked for again each time, and not sent again while it is the same. */
export const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": contentSecurityPolicy,
  "cache-control": "no-cache",
} as const;

/** A whole page. */
export function renderPage({ title, path, main, interactive = false }: Page, assets: Assets): string {
  const links = navigation.map(
    ([href, name]) => `<a href="${href}"${href === path ? ' aria-current="page"' : ""}>${name}</a>`,
  );
  const styles = [...(interactive ? ["swagger-ui.css"] : []), "docs.css"].map(
    (name) => `<link rel="stylesheet" href="${assets.urlOf(name)}">`,
  );
  const scripts = interactive
    ? ["swagger-ui.js", "docs.js"].map((name) => `<script defer src="${assets.urlOf(name)}"></script>`)
    : [];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${Bun.escapeHTML(title)}</title>
<link rel="icon" type="image/svg+xml" href="${assets.urlOf("icon.svg")}">
${[...styles, ...scripts].join("\n")}
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="bar">
<a class="brand" href="/docs"><img src="${assets.urlOf("icon.svg")}" alt="" width="28" height="28">Countinghouse</a>
<nav aria-label="Documentation">${links.join("")}</nav>
</header>
<main id="content">
${main}
</main>
</body>
</html>
`;
}
