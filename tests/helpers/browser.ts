import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

/** A page, and what it did besides what it shows. */
export type Visit = Readonly<{
  page: Page;
  /** URLs it asked for, those that were blocked included. */
  requests: string[];
  /** Messages of the console at level error, and uncaught exceptions. */
  errors: string[];
  close(): Promise<void>;
}>;

export type TestBrowser = Readonly<{
  /** A page in a profile of its own that reaches `origin` and nothing else. */
  open(origin: string, options?: PageOptions): Promise<Visit>;
  close(): Promise<void>;
}>;

type PageOptions = { width?: number; height?: number; dark?: boolean };

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The system's Chromium, headless, in an empty profile, as on a machine without a network. */
export async function startBrowser(): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), "countinghouse-chromium-"));
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
    headless: true,
    args: flags,
    env: { ...process.env, HOME: profile },
  });
  return {
    async open(origin, { width = 1280, height = 900, dark = false } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: dark ? "dark" : "light",
        reducedMotion: "reduce",
      });
      const requests: string[] = [];
      const errors: string[] = [];
      await confine(context, origin, requests);
      const page = await context.newPage();
      // Drawing the whole reference keeps a core for seconds, which a run of all tests shares with others.
      page.setDefaultTimeout(90_000);
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      page.on("pageerror", (error) => void errors.push(error.message));
      return { page, requests, errors, close: () => context.close() };
    },
    async close() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Lets nothing out but requests to `origin`, and notes them all. */
async function confine(context: BrowserContext, origin: string, requests: string[]): Promise<void> {
  await context.route("**/*", async (route) => {
    const url = route.request().url();
    requests.push(url);
    await (url.startsWith(`${origin}/`) ? route.continue() : route.abort("blockedbyclient"));
  });
}
