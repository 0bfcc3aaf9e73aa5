import { STATUS_CODES } from "node:http";
import { conventions, type Tables } from "../openapi-conventions.ts";
import { type ProblemCode, problems } from "../problem.ts";
import type { Page } from "./page.ts";

/** How the whole API behaves: the same text that stands in `/openapi.json`. */
export function guidePage(tables: Tables): Page {
  const html = Bun.markdown
    .html(conventions(tables), { headings: { ids: true } })
    // A table that is wider than a phone scrolls by itself, also by keyboard.
    .replaceAll("<table>", '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>')
    .replaceAll("</table>", "</table></div>");
  const headings = [...html.matchAll(/<h2 id="([^"]+)">(.*?)<\/h2>/g)];
  const contents = headings.map(([, id = "", name = ""]) => `<li><a href="#${id}">${name}</a></li>`);
  return {
    title: "Guide · Countinghouse API",
    path: "/docs/guide",
    main: `<div class="prose">
<h1>Guide</h1>
<nav class="contents" aria-label="On this page"><ul>${contents.join("")}</ul></nav>
${html}
</div>`,
  };
}

/** Every error code under its own anchor: where the `type` of a problem leads. */
export function errorsPage(): Page {
  const codes = Object.entries(problems) as [ProblemCode, readonly [number, string, string]][];
  const byStatus = Map.groupBy(codes, ([, [status]]) => status);
  const groups = [...byStatus].toSorted(([one], [other]) => one - other);
  const links = groups.map(([status]) => `<li><a href="#status-${status}">${status}</a></li>`);
  const sections = groups.map(
    ([status, group]) => `<section aria-labelledby="status-${status}">
<h2 id="status-${status}">${status} <small>${STATUS_CODES[status] ?? ""}</small></h2>
${group.map(([code, [, title, description]]) => problemCard(code, title, description)).join("\n")}
</section>`,
  );
  return {
    title: "Errors · Countinghouse API",
    path: "/docs/errors",
    main: `<div class="prose">
<h1>Errors</h1>
<p>Every error is <code>application/problem+json</code>
(<abbr title="Request for Comments">RFC</abbr> 9457). Programs look at <code>code</code>, which is stable; people read
<code>detail</code>; <code>errors</code> points at each member that is wrong; <code>request_id</code> finds the request
in our log. The <code>type</code> of a problem leads to its entry here.</p>
<nav class="contents" aria-label="By status"><ul>${links.join("")}</ul></nav>
${sections.join("\n")}
</div>`,
  };
}

function problemCard(code: string, title: string, description: string): string {
  return `<article class="problem" id="${code}">
<h3><a href="#${code}"><code>${code}</code></a> ${Bun.escapeHTML(title)}</h3>
${Bun.markdown.html(description)}
</article>`;
}
