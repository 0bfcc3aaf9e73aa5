import { demo_password } from "../../platform/demo.ts";
import { summary } from "../openapi-conventions.ts";
import type { Page } from "./page.ts";

/** A published login of a demo server. */
export type DemoLogin = Readonly<{ email: string; role: string }>;

/** Swagger UI, with a way in for visitors of a demo server. */
export function referencePage(options: { version: string; logins: readonly DemoLogin[] }): Page {
  const version = Bun.escapeHTML(options.version);
  return {
    title: "Countinghouse API",
    path: "/docs",
    interactive: true,
    main: `<section class="hero">
<div class="words">
<h1>Countinghouse API <small>${version}</small></h1>
${Bun.markdown.html(summary)}
<p class="more"><a href="/docs/guide">Money, time, paging, idempotency, limits and roles</a></p>
</div>
${options.logins.length > 0 ? demoForm(options.logins) : loginHint}
</section>
<section id="reference" aria-label="Operations"><p class="wait">Loading the operations …</p></section>
<noscript><p>The interactive reference needs JavaScript; <a href="/openapi.json">openapi.json</a> does not.</p></noscript>`,
  };
}

function demoForm(logins: readonly DemoLogin[]): string {
  const options = logins.map(
    ({ email, role }) =>
      `<option value="${Bun.escapeHTML(email)}">${Bun.escapeHTML(`${role.replace("_", " ")} · ${email}`)}</option>`,
  );
  return `<form class="card" id="demo" data-password="${demo_password}">
<h2>This is a demo server</h2>
<p>Nothing to sign up for: pick a role and call anything.</p>
<div id="demo-out">
<label for="demo-email">Role</label>
<select id="demo-email" name="email" autocomplete="off">${options.join("")}</select>
<button type="submit">Try it with the demo user</button>
</div>
<p id="demo-status" role="status"></p>
<div id="demo-in" hidden>
<button type="button" id="demo-show">Show me the dashboard</button>
<button type="button" class="quiet" id="demo-leave">Log out</button>
</div>
</form>`;
}

const loginHint = `<section class="card">
<h2>Log in</h2>
<p>Call <code>POST /api/v1/auth/login</code> below, press <strong>Authorize</strong> and paste the
<code>access_token</code>. Every call then carries it.</p>
</section>`;
