import { memberRoles } from "../platform/enums.ts";
import type { DefinitionRow } from "../platform/cache/index.ts";
import type { LimitPolicy } from "../platform/rate-limit/policy.ts";
import { permissions } from "./policy.ts";
import { problems } from "./problem.ts";

type Limits = Readonly<Record<string, LimitPolicy>>;

/** What rules the API, to be printed. */
export type Tables = Readonly<{ limits: Limits; definitions: readonly DefinitionRow[] }>;

const introduction = `
The back office of a business group in one API: customers, the shop floor, and the people who work on them, under one
login. Every endpoint behaves the same way: learn one and you know them all.

Log in with \`POST /api/v1/auth/login\` and send the \`access_token\` as \`Authorization: Bearer …\`. It lasts 15
minutes; \`POST /api/v1/auth/refresh\` turns the \`refresh_token\` into the next pair, once. The active business is in
the token; members of several businesses name another with \`X-Business-Id\`.

**A phone logs in with a code**: \`POST /api/v1/auth/otp\` with \`{"purpose": "login", "phone": "+2348012345678"}\` is
answered with 202, whoever has the number; the six digits that arrive go to \`POST /api/v1/auth/otp/verify\` with the
same members and \`code\`, and the answer is that of a login. With \`signup\` (and \`full_name\`) it makes an account with
a business of its own, with \`reset_password\` (and \`new_password\`) it sets a password; \`email\` does for \`phone\`. A
code is good once, for five minutes and five tries; another can be had after 30 seconds, and five in an hour. A new phone
or e-mail address counts once a code came back from it (\`/me/contact\`).
`;

const data = `
## Data

- JSON in UTF-8, members in \`snake_case\`. A member that an endpoint does not know is refused (422), never dropped.
- **Money** is an integer in minor units beside its currency: \`{"amount": 1550000, "currency": "NGN"}\` is ₦15,500.00.
  Never a float, never above 2^53 − 1.
- **Instants** are RFC 3339 in UTC: \`2026-11-20T08:15:00.000Z\`. **Business dates** are \`YYYY-MM-DD\` and months
  \`YYYY-MM\`, both counted in the business's own time zone.
- **Ids** are UUIDs (version 7). An id of another business answers 404, exactly like one that does not exist.

## Lists

\`{"data": […], "meta": {"next_cursor": "…", "has_more": true}}\`. Take \`limit\` (1 to 200, default 50) rows at a time
and pass \`meta.next_cursor\` as \`cursor\` for the next ones, with the same filters; \`Link: <…>; rel="next"\` says the
same. Page 50,000 costs what page 1 costs. Lists that name \`text/csv\` among their media types stream every row when
you ask with \`Accept: text/csv\`.

## Changing things

- **Idempotency-Key**: a POST that creates something takes a key of your own (8 to 255 visible characters). Repeat the
  request with the same key and you get the same answer, byte for byte, with \`Idempotency-Replayed: true\`, and nothing
  happens twice. Keys live at least 24 hours.
- **If-Match**: the update of a versioned row takes the \`ETag\` you last read. Without it 428, with an old one 412.
- **PATCH** is JSON Merge Patch (RFC 7396): absent members stay, \`null\` clears.
`;

/** How the API behaves, in Markdown: printed into the document and onto the guide page, from the tables that rule. */
export function conventions({ limits, definitions }: Tables): string {
  return [
    introduction,
    data,
    cacheSection(definitions),
    limitsSection(limits),
    rolesSection(),
    errorsSection(),
  ]
    .map((section) => section.trim())
    .join("\n\n");
}

/** What the API is, in two paragraphs of Markdown. */
export const summary = introduction.trim();

function cacheSection(definitions: readonly DefinitionRow[]): string {
  const rows = definitions
    .map(
      ({ name, class: promise, ttl_ms }) => `| \`${name}\` | ${promise.split(",")[0]} | ${ttl_ms / 1000} |`,
    )
    .toSorted();
  return `
## Caching

Reads carry a weak \`ETag\`; send it as \`If-None-Match\` and an unchanged answer is 304 without a body. \`HEAD\` works
wherever \`GET\` does, \`OPTIONS\` lists the methods, and a wrong method is 405 with \`Allow\`.

The server keeps answers too, and \`X-Cache\`, \`Cache-Status\` and \`Age\` say when one came from there. A *strict*
answer is never older than a change that was answered; a *bounded* one is milliseconds behind a change, and never over
a second. What goes by the clock alone, such as a job that is late from midnight on, may be late by the time below, give or take a
tenth.
Each operation says in \`x-cache\` which answer it gives, or why it is always read afresh.

| Answer | Promise | Kept, seconds |
|---|---|---|
${rows.join("\n")}`;
}

function limitsSection(limits: Limits): string {
  const rows = Object.values(limits).map(
    ({ name, windows }) =>
      `| \`${name}\` | ${windows.map(({ quota, window_s }) => `${quota} per ${duration(window_s)}`).join(", ")} |`,
  );
  return `
## Rate limits

Counted per member, or per client address before login, over all replicas. \`RateLimit\` says what is left,
\`RateLimit-Policy\` what the windows are; a 429 says in \`Retry-After\` how many seconds to wait. One-time codes are
counted by who gets them (\`otp\`), and by the client address that asks (\`otp_address\`).

| Limit | Allows |
|---|---|
${rows.join("\n")}`;
}

function duration(window_s: number): string {
  if (window_s === 60) return "minute";
  if (window_s === 3_600) return "hour";
  return window_s === 86_400 ? "day" : `${window_s} seconds`;
}

function rolesSection(): string {
  const rows = Object.entries(permissions).map(([permission, roles]) => {
    const allowed: readonly string[] = roles;
    return `| \`${permission}\` | ${memberRoles.map((role) => (allowed.includes(role) ? "✓" : "·")).join(" | ")} |`;
  });
  return `
## Roles and permissions

A member has one role in a business. Each operation names the permission it needs (\`x-permission\`, \`x-roles\`).

| Permission | ${memberRoles.map((role) => role.replace("_", " ")).join(" | ")} |
|---|${memberRoles.map(() => ":-:|").join("")}
${rows.join("\n")}`;
}

function errorsSection(): string {
  const rows = Object.entries(problems)
    .toSorted(([, [one]], [, [other]]) => one - other)
    .map(([code, [status, , description]]) => `| ${status} | \`${code}\` | ${description} |`);
  return `
## Errors

Every error is \`application/problem+json\` (RFC 9457). Programs look at \`code\`, which is stable; people read
\`detail\`; \`errors\` points at each member that is wrong; \`request_id\` finds the request in our log.

| Status | Code | What to do |
|---|---|---|
${rows.join("\n")}`;
}
