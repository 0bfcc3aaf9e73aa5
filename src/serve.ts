import { lstatSync, rmSync, statSync } from "node:fs";
import type { Server, WebSocketHandler } from "bun";
import { createApp } from "./app.ts";
import { allJobs } from "./background-jobs.ts";
import { banner } from "./banner.ts";
import { startBackgroundJobs } from "./core/background-jobs.ts";
import { createAdmin } from "./http/admin.ts";
import { databaseReport } from "./http/database-report.ts";
import { untilQuiet } from "./http/drain.ts";
import type { Lifecycle } from "./http/health.ts";
import { listen } from "./http/listen.ts";
import type { Handle } from "./http/pipeline.ts";
import type { Socket } from "./http/websocket-socket.ts";
import type { Config } from "./platform/config.ts";
import type { Database } from "./platform/db/database.ts";
import { openDatabaseSource } from "./platform/db/source.ts";
import { demo_emails } from "./platform/demo.ts";
import type { PlatformDeps } from "./platform/deps.ts";
import type { Log } from "./platform/log.ts";
import { migrate, type SchemaState, schemaState } from "./platform/migrations.ts";
import { openPlatform } from "./platform/open.ts";
import { listDemoLogins } from "./platform/statements.ts";
import { release } from "./release.ts";
import { seedDemo } from "./seed/demo.ts";

/** It cannot be served; the message is for the person at the terminal. */
export class ServeError extends Error {
  override readonly name = "ServeError";
}

export type RunningServer = Readonly<{
  banner: string;
  url: string;
  /** Settles when something we cannot serve without ended by itself. */
  failed: Promise<string>;
  /** Counts an error nobody caught. */
  countUncaught(): void;
  /** Answers what is in flight, refuses what is new, stops all that was started. At most 25 s. */
  drain(): Promise<void>;
}>;

/** Requests still running this long after it became quiet are cut off: orchestrators kill after 30 s. */
const DRAIN_MAX_MS = 20_000;

/**
 * Starts everything in the order in which each part needs the one before, and stops it in reverse, also when the
 * start fails half-way.
 *
 * @throws {ServeError | EmbeddedPostgresError | MigrationError}
 */
export async function startServer(config: Config, log: Log): Promise<RunningServer> {
  const started = new AsyncDisposableStack();
  try {
    const source = await openDatabaseSource(config, { log, when_in_use: "refuse" });
    started.defer(source.stop);
    if (config.mode === "embedded") {
      await migrate(source.url, { log });
      await seedDemo(source.url, { files_dir: config.files_dir, log });
    }
    const platform = openPlatform(config, { database_url: source.url, log, release });
    started.defer(platform.close);
    const { deps } = platform;
    if (!config.demo) await refuseDemoLogins(deps);
    const lifecycle: Lifecycle = { state: "starting", schemaProblem: schemaProblemOf(deps.db) };
    const app = createApp(deps, lifecycle);
    let requests = 0;
    const counted: Handle = (request, peer, upgrade) => {
      requests += 1;
      return app.handle(request, peer, upgrade);
    };
    const servers = openListeners({ handle: counted, sockets: app.sockets.handlers }, deps);
    started.defer(() => stopListeners(servers));
    started.defer(app.close);
    const jobs = startBackgroundJobs(deps, allJobs(deps));
    started.defer(jobs.stop);
    lifecycle.state = "ready";
    void warnOfDatabase(deps);
    warnOfCodes(deps);
    const url = urlOf(config, servers.api);
    return {
      url,
      banner: banner({
        config,
        url,
        admin_url: adminUrlOf(config, servers.admin),
        database: source.description,
      }),
      failed: source.failed,
      countUncaught: () => deps.metrics.uncaught(),
      drain: async () => {
        lifecycle.state = "draining";
        removeSocket(servers.socket);
        // Their clients come again, elsewhere.
        app.sockets.close();
        await untilQuiet(() => requests);
        await started.disposeAsync();
      },
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

type Listeners = Readonly<{
  api: Server<Socket>;
  admin: Server<Socket> | null;
  /** The socket file of the API, which another process may have replaced by its own meanwhile. */
  socket: SocketFile | null;
}>;
type SocketFile = Readonly<{ path: string; inode: number }>;

type Served = Readonly<{ handle: Handle; sockets?: WebSocketHandler<Socket> }>;

function openListeners(served: Served, deps: PlatformDeps): Listeners {
  const { listen } = deps.config;
  const api = open(served, listen, deps.config, listen.unix_socket === null ? "PORT" : "UNIX_SOCKET");
  const socket = listen.unix_socket === null ? null : socketFile(listen.unix_socket);
  try {
    return { api, admin: openAdmin({ handle: createAdmin(deps, served.handle) }, deps.config), socket };
  } catch (error) {
    void api.stop(true);
    throw error;
  }
}

function openAdmin(served: Served, config: Config): Server<Socket> | null {
  const { listen } = config;
  const { admin_port, admin_unix_socket } = listen;
  if (admin_unix_socket !== null)
    return open(served, { ...listen, unix_socket: admin_unix_socket }, config, "ADMIN_UNIX_SOCKET");
  if (admin_port === 0) return null;
  return open(served, { ...listen, port: admin_port, unix_socket: null }, config, "ADMIN_PORT");
}

function open(
  { handle, sockets }: Served,
  address: Config["listen"],
  config: Config,
  variable: string,
): Server<Socket> {
  if (address.unix_socket !== null) removeStaleSocket(address.unix_socket);
  try {
    const options = { replica: config.replica, ...(sockets === undefined ? {} : { sockets }) };
    return listen(handle, address, options);
  } catch (error) {
    const place = address.unix_socket ?? `${address.host}:${address.port}`;
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    const reason = code === "EADDRINUSE" ? "is taken by another process" : `cannot be listened on (${code})`;
    throw new ServeError(`${place} ${reason}. Set ${variable} to another one.`, { cause: error });
  }
}

/** A killed server leaves its socket file behind, on which nobody can listen again. */
function removeStaleSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  rmSync(path);
}

const socketFile = (path: string): SocketFile => ({ path, inode: statSync(path).ino });

/** New connections then go elsewhere, while those that are open still work: a proxy never meets a closing listener. */
function removeSocket(socket: SocketFile | null): void {
  if (socket === null) return;
  if (statSync(socket.path, { throwIfNoEntry: false })?.ino === socket.inode) rmSync(socket.path);
}

async function stopListeners({ api, admin, socket }: Listeners): Promise<void> {
  removeSocket(socket);
  const finished = api.stop();
  const in_time = await Promise.race([finished.then(() => true), Bun.sleep(DRAIN_MAX_MS).then(() => false)]);
  if (!in_time) await api.stop(true);
  await admin?.stop(true);
}

function adminUrlOf({ listen }: Config, admin: Server<Socket> | null): string | null {
  if (listen.admin_unix_socket !== null) return `unix:${listen.admin_unix_socket}`;
  return admin?.url.origin ?? null;
}

function urlOf(config: Config, server: Server<Socket>): string {
  if (config.listen.unix_socket !== null) return `unix:${config.listen.unix_socket}`;
  const everywhere = ["0.0.0.0", "::", "127.0.0.1"].includes(config.listen.host);
  return `http://${everywhere ? "localhost" : config.listen.host}:${server.port}`;
}

/**
 * Published passwords must not open a real server. A database that does not answer, or has no tables yet, holds nobody
 * back: replicas may start before it does.
 */
async function refuseDemoLogins({ db, log }: PlatformDeps): Promise<void> {
  const found = await db.report.query(listDemoLogins, { emails: demo_emails }).catch((error: unknown) => {
    log.warn({ err: error }, "could not look for demo logins");
    return [];
  });
  if (found.length === 0) return;
  throw new ServeError(
    `The database has users with published passwords: ${found.map(({ email }) => email).join(", ")}. ` +
      "Remove them, or set DEMO=true if this is a demo server.",
  );
}

/** What an operator should know of the database: above all whether all replicas' lanes fit into max_connections. */
async function warnOfDatabase(deps: PlatformDeps): Promise<void> {
  const { warnings, recommendations } = await databaseReport(deps, {});
  if (warnings.length > 0) deps.log.warn({ warnings, recommendations }, "the database needs attention");
}

function warnOfCodes({ config, log }: PlatformDeps): void {
  const { delivery } = config.otp;
  if (config.mode === "embedded" || delivery === "webhook" || delivery === "smtp") return;
  if (delivery === "none")
    log.warn("OTP_DELIVERY is none: nobody gets a one-time code, to log in or for large payments");
  else log.warn("OTP_DELIVERY is console: one-time codes are written to this log");
}

const SCHEMA_CHECK_MS = 1000;

/** Why the schema does not serve yet; asked of the database at most once a second, however often readiness is asked. */
function schemaProblemOf(db: Database): Lifecycle["schemaProblem"] {
  let asked_ms = Number.NEGATIVE_INFINITY;
  let answer: Promise<string | null> = Promise.resolve(null);
  return () => {
    if (performance.now() - asked_ms > SCHEMA_CHECK_MS) {
      asked_ms = performance.now();
      answer = schemaState(db.fast).then(
        ({ state, pending }) => (servable(state, pending) ? null : `schema is ${state}`),
        () => "database is unavailable",
      );
    }
    return answer;
  };
}

/** While a release is rolled out the former one serves on with the schema of the next, which only adds to its own. */
function servable(state: SchemaState["state"], pending: readonly string[]): boolean {
  return state === "current" || (state === "ahead" && pending.length === 0);
}
