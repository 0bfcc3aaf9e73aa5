import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SQL } from "bun";
import { type App, createApp } from "../../src/app.ts";
import type { Lifecycle } from "../../src/http/health.ts";
import { listen } from "../../src/http/listen.ts";
import type { SocketLimits } from "../../src/http/websocket-socket.ts";
import { createTokens } from "../../src/http/tokens.ts";
import type { Clock } from "../../src/platform/clock.ts";
import { release } from "../../src/release.ts";
import { readConfig } from "../../src/platform/config.ts";
import type { PlatformDeps } from "../../src/platform/deps.ts";
import { createLog } from "../../src/platform/log.ts";
import { openPlatform } from "../../src/platform/open.ts";
import { type Business, makeBusiness, makeSession, type Person } from "./fixtures.ts";
import { committedContract } from "./contract.ts";
import { connect, createTestDatabase } from "./database.ts";
import { otpEnvironment } from "./one-time-codes.ts";

/** Signs the tokens of test servers. */
export const testSecret = "a-secret-for-tests-of-at-least-32-bytes";

/** What a test sends: a body that is not text is sent as JSON. */
export type Send = { token?: string; body?: unknown; headers?: Record<string, string>; signal?: AbortSignal };

export type TestApp = Readonly<{
  url: string;
  app: App;
  deps: PlatformDeps;
  /** Direct access to the database of this app. */
  sql: SQL;
  database_url: string;
  /** Two businesses with a member for every role: what one may never see of the other. */
  alpha: Business;
  bravo: Business;
  lifecycle: Lifecycle;
  /** Forgets what this server has cached: for a test that changed rows behind its back. */
  forget(): Promise<void>;
  /** Log lines written so far. */
  lines: string[];
  /** An access token of a new session. */
  token(person: Person, business?: Business): Promise<string>;
  /** Fails when the answer is not what `/openapi.json` says. */
  send(method: string, path: string, options?: Send): Promise<Response>;
  stop(): Promise<void>;
}>;

/**
 * The whole server on a port of its own, over real PostgreSQL, with two businesses in it. `database_url` shares the
 * database of another app: two replicas.
 */
export async function startTestApp(
  options: {
    env?: Record<string, string>;
    database_url?: string;
    businesses?: readonly [Business, Business];
    /** Another than this program's: a replica of an older or a newer one. */
    release?: string;
    /** What the server takes for now; its cache keeps the time of the machine. */
    clock?: Clock;
    /** Other limits of WebSockets: some take minutes. */
    sockets?: Partial<SocketLimits>;
  } = {},
): Promise<TestApp> {
  const database = options.database_url === undefined ? await createTestDatabase() : null;
  const database_url = options.database_url ?? database?.url ?? "";
  const files = mkdtempSync(join(tmpdir(), "countinghouse-test-"));
  const config = readConfig({
    DATABASE_URL: database_url,
    JWT_SECRET: testSecret,
    PORT: "0",
    HOST: "127.0.0.1",
    ADMIN_PORT: "0",
    DATA_DIR: files,
    RATE_LIMIT_ENABLED: "false",
    REPLICA: "test",
    DB_FAST_MAX: "2",
    DB_WRITE_MAX: "2",
    DB_REPORT_MAX: "1",
    LOG_LEVEL: "info",
    ...otpEnvironment,
    ...options.env,
  });
  const lines: string[] = [];
  const log = createLog(config, { write: (line) => void lines.push(line) });
  const platform = openPlatform(config, { database_url, log, release: options.release ?? release });
  const deps = { ...platform.deps, clock: options.clock ?? platform.deps.clock };
  const lifecycle: Lifecycle = { state: "ready", schemaProblem: () => Promise.resolve(null) };
  const app = createApp(deps, lifecycle, { sockets: options.sockets });
  const server = listen(app.handle, config.listen, { ...config, sockets: app.sockets.handlers });
  const sql = connect(database_url);
  const [alpha, bravo] = options.businesses ?? [
    await makeBusiness(sql, { code: "ALPHA", timezone: "Africa/Lagos", currency: "NGN" }),
    await makeBusiness(sql, { code: "BRAVO", timezone: "America/New_York", currency: "USD" }),
  ];
  const tokens = createTokens({ secret: config.auth.jwt_secret, ttl_s: 900, now: () => Date.now() });
  const url = `http://127.0.0.1:${server.port}`;
  const businessOf = (person: Person) => (Object.values(bravo.people).includes(person) ? bravo : alpha);
  return {
    url,
    app,
    deps,
    sql,
    database_url,
    alpha,
    bravo,
    lifecycle,
    lines,
    async token(person, business = businessOf(person)) {
      const sid = await makeSession(sql, person, business.id);
      return tokens.issue({ sub: person.user_id, sid, bid: business.id });
    },
    async forget() {
      await deps.cache.clear();
    },
    async send(method, path, send = {}) {
      const response = await fetch(`${url}${path}`, requestOf(method, send));
      await (await committedContract()).expect(response, method, path);
      return response;
    },
    async stop() {
      app.close();
      await server.stop(true);
      await platform.close();
      await sql.close();
      await database?.drop();
      rmSync(files, { recursive: true, force: true });
    },
  };
}

function requestOf(method: string, { token, body, headers, signal }: Send): RequestInit {
  const isRaw =
    body === undefined || typeof body === "string" || body instanceof FormData || body instanceof Uint8Array;
  return {
    method,
    redirect: "manual",
    ...(signal === undefined ? {} : { signal }),
    ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(isRaw ? {} : { "content-type": "application/json" }),
      ...headers,
    },
  };
}
