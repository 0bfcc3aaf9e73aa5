import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import type { OpenApiDocument } from "../../src/http/openapi-types.ts";
import { problems } from "../../src/http/problem.ts";
import { seedDemo } from "../../src/seed/demo.ts";
import { type Visit, startBrowser, type TestBrowser } from "../helpers/browser.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Program, startProgram } from "../helpers/program.ts";

let database: TestDatabase;
let program: Program;
let browser: TestBrowser;
let origin: string;
/** Operations of each group that are opened, from the one that the seed picks; with DOCS_OPERATIONS=all each of them is. */
const openedOfGroup = process.env["DOCS_OPERATIONS"] === "all" ? 1_000 : 1;
const seed = Math.floor(Math.random() * 1_000);
const folder = mkdtempSync(join(tmpdir(), "countinghouse-docs-"));

beforeAll(async () => {
  database = await createTestDatabase();
  await seedDemo(database.url, { files_dir: join(folder, "files") });
  program = startProgram([process.execPath, "src/main.ts", "serve"], {
    DATABASE_URL: database.url,
    DEMO: "true",
    JWT_SECRET: "a-secret-for-tests-of-at-least-32-bytes",
    HOST: "127.0.0.1",
    PORT: "0",
    ADMIN_PORT: "0",
    DATA_DIR: folder,
    LOGIN_RATE_LIMIT_PER_MINUTE: "100",
  });
  [origin, browser] = await Promise.all([announcedUrl(), startBrowser()]);
}, 60_000);

afterAll(async () => {
  await browser.close();
  program.signal("SIGTERM");
  await program.exited;
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Where the server says it listens. */
async function announcedUrl(): Promise<string> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const port = /"url":"http:\/\/[^"]+:(\d+)"/.exec(program.output())?.[1];
    if (port !== undefined) return `http://127.0.0.1:${port}`;
    await Bun.sleep(20);
  }
  throw new Error(`the server did not start:\n${program.output()}`);
}

/** Opens the reference and waits until its groups are there. */
async function openReference(options: Parameters<TestBrowser["open"]>[1] = {}): Promise<Visit> {
  const visit = await browser.open(origin, options);
  await visit.page.goto(`${origin}/docs`);
  await visit.page.waitForSelector(".opblock-tag");
  return visit;
}

/** Nothing left our origin, nothing was blocked by our own policy, nothing went wrong in a script. */
function expectQuiet({ requests, errors }: Visit): void {
  expect(requests.filter((url) => !url.startsWith(`${origin}/`))).toEqual([]);
  expect(requests.length).toBeGreaterThan(0);
  expect(errors).toEqual([]);
}

async function logIn(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Try it with the demo user" }).click();
  await page.getByText("Logged in as owner@demo.test").waitFor();
}

/** Runs an operation through the page and returns the status it shows. */
async function execute(page: Page, id: string): Promise<string> {
  const { paths } = (await (await fetch(`${origin}/openapi.json`)).json()) as OpenApiDocument;
  const operation = Object.values(paths)
    .flatMap((methods) => Object.values(methods))
    .find(({ operationId }) => operationId === id);
  const group = page.locator(`.opblock-tag[data-tag="${operation?.tags[0]}"]`);
  if ((await group.getAttribute("data-is-open")) !== "true") await group.click();
  const block = page.locator(`[id$="-${id}"]`);
  if (!(await block.getAttribute("class"))?.includes("is-open")) {
    await block.locator(".opblock-summary-control").click();
  }
  await block.getByRole("button", { name: "Try it out" }).click();
  await block.getByRole("button", { name: "Execute" }).click();
  const status = block.locator(".live-responses-table tbody .response-col_status");
  await status.waitFor();
  return (await status.innerText()).trim();
}

/** Opens each group of operations, has something done, and closes it again: a function of the page, to be awaited. */
const eachGroup = `await (async (work) => {
  for (const group of document.querySelectorAll(".opblock-tag")) {
    const deadline = performance.now() + 60000;
    const shown = () => document.querySelector(".opblock") !== null;
    const until = async (wanted) => {
      while (shown() !== wanted && performance.now() < deadline) await new Promise(requestAnimationFrame);
    };
    group.click();
    await until(true);
    await work();
    group.click();
    await until(false);
  }
})`;

/** Controls without a name, pictures without a text, ids that are there twice: by a small script in the page. */
const flawsScript = `(() => {
  const visible = (element) => element.getClientRects().length > 0;
  const named = (element) => (element.getAttribute("aria-label") ?? "") !== "" || element.hasAttribute("aria-labelledby") ||
    (element.labels?.length ?? 0) > 0 || element.textContent.trim() !== "" || (element.getAttribute("placeholder") ?? "") !== "" ||
    (element.title ?? "") !== "";
  const controls = [...document.querySelectorAll("a[href], button, input, select, textarea")].filter(visible);
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  return [
    ...controls.filter((element) => !named(element)).map((element) => "no name: " + element.outerHTML.slice(0, 120)),
    ...[...document.querySelectorAll("img:not([alt])")].map((element) => "no alt: " + element.outerHTML.slice(0, 120)),
    ...new Set(ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => "id twice: " + id)),
    ...(document.querySelectorAll("h1").length === 1 ? [] : ["not one h1"]),
    ...(document.documentElement.lang === "en" ? [] : ["no language"]),
    ...(document.querySelector("main") === null ? ["no main"] : []),
  ];
})()`;

describe("/docs, read only", () => {
  let visit: Visit;
  beforeAll(async () => {
    visit = await openReference();
  }, 60_000);
  afterAll(() => visit.close());

  test("has names for all its controls", async () => {
    expect(await visit.page.evaluate(flawsScript)).toEqual([]);
  });

  test("renders every operation of the document, from our own origin only", async () => {
    const { paths } = (await (await fetch(`${origin}/openapi.json`)).json()) as OpenApiDocument;
    const expected = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    // One group at a time, as people read them.
    const ids = await visit.page.evaluate<string[]>(`(async () => {
      const ids = [];
      ${eachGroup}(async () => {
        ids.push(...[...document.querySelectorAll(".opblock")].map(({ id }) => id));
      });
      return ids;
    })()`);
    expect(ids.length).toBe(expected.length);
    expect(new Set(ids.map((id) => id.split("-").at(-1)))).toEqual(new Set(expected));
    expectQuiet(visit);
  });

  test(`operations of every group open without an error (seed ${seed})`, async () => {
    const { page } = visit;
    // A group at a time: all together are more than a small machine draws in a minute.
    const unopened = await page.evaluate(`(async () => {
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      const unopened = [];
      ${eachGroup}(async () => {
        const all = [...document.querySelectorAll(".opblock")];
        const blocks = all.map((_, at) => all[(at + ${seed}) % all.length]).slice(0, ${openedOfGroup});
        const closed = () => blocks.filter((block) => block.querySelector(".responses-wrapper") === null);
        const deadline = performance.now() + 60000;
        for (const block of blocks) block.querySelector(".opblock-summary-control").click();
        while (closed().length > 0 && performance.now() < deadline) await frame();
        unopened.push(...closed().map(({ id }) => id));
      });
      return unopened;
    })()`);
    expect(unopened).toEqual([]);
    expect(await page.locator(".errors-wrapper").count()).toBe(0);
    expectQuiet(visit);
  }, 240_000);
});

describe("/docs, tried", () => {
  test("lets a visitor log in as the demo user and read the dashboard", async () => {
    const visit = await openReference();
    const { page } = visit;
    await logIn(page);
    await page.getByRole("button", { name: "Show me the dashboard" }).click();
    expect(await execute(page, "getDashboardStats")).toBe("200");
    const body = page.locator('[id$="-getDashboardStats"] .live-responses-table .highlight-code').first();
    expect(await body.innerText()).toContain('"completed"');
    expectQuiet(visit);
    await visit.close();
  });

  test("a role that may not is told so, in the problem format, and logging out takes the token away", async () => {
    const visit = await openReference();
    const { page } = visit;
    await page.getByLabel("Role").selectOption("agent@demo.test");
    await page.getByRole("button", { name: "Try it with the demo user" }).click();
    await page.getByText("Logged in as agent@demo.test").waitFor();
    expect(await execute(page, "getDashboardStats")).toContain("403");
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await page.getByText("Logged out.").waitFor();
    expect(await execute(page, "getMe")).toContain("401");
    await visit.close();
  });

  test("fits a phone, light and dark", async () => {
    for (const dark of [false, true]) {
      const visit = await openReference({ width: 360, height: 780, dark });
      const { page } = visit;
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
      expect(await page.evaluate("document.documentElement.classList.contains('dark-mode')")).toBe(dark);
      await logIn(page);
      expect(await execute(page, "getDashboardStats")).toBe("200");
      expectQuiet(visit);
      await visit.close();
    }
  });
});

describe("the pages beside it", () => {
  test("every error code has its anchor, where the type of a problem leads", async () => {
    const visit = await browser.open(origin);
    const answer = await fetch(`${origin}/api/v1/me`);
    const { type } = (await answer.json()) as { type: string };
    await visit.page.goto(`${origin}${type}`);
    expect(await visit.page.locator(":target").innerText()).toContain("unauthenticated");
    const ids = await visit.page.locator(".problem").evaluateAll((cards) => cards.map(({ id }) => id));
    expect(new Set(ids)).toEqual(new Set(Object.keys(problems)));
    expect(await visit.page.evaluate(flawsScript)).toEqual([]);
    expectQuiet(visit);
    await visit.close();
  });

  test("the guide says who may do what and what is limited, also on a phone", async () => {
    const visit = await browser.open(origin, { width: 360, height: 780 });
    await visit.page.goto(`${origin}/docs/guide`);
    const text = await visit.page.locator("main").innerText();
    for (const words of [
      "Roles and permissions",
      "customers.write",
      "Rate limits",
      "60 per minute",
      "minor units",
    ]) {
      expect(text).toContain(words);
    }
    expect(await visit.page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    expect(await visit.page.evaluate(flawsScript)).toEqual([]);
    expectQuiet(visit);
    await visit.close();
  });

  test("the root leads to the documentation", async () => {
    const visit = await browser.open(origin);
    await visit.page.goto(`${origin}/`);
    expect(visit.page.url()).toBe(`${origin}/docs`);
    await visit.close();
  });
});
