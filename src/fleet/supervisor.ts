import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { startEmbeddedPostgres } from "../platform/db/embedded.ts";
import { migrate } from "../platform/migrations.ts";
import { seedDemo } from "../seed/demo.ts";
import { serveAdmin } from "./admin.ts";
import { createOutput, type Output } from "./child.ts";
import { type FleetControls, type FleetStatus, serveControl } from "./control.ts";
import type { Kept } from "./kept.ts";
import { startNginx } from "./nginx-process.ts";
import { findProgram, keepRedis } from "./programs.ts";
import type { FleetOptions } from "./options.ts";
import { Replica } from "./replica.ts";

export type Fleet = FleetControls &
  Readonly<{
    /** Settles when something it cannot go on without has ended by itself. */
    failed: Promise<string>;
    /** Stops all, in the reverse order of the start. */
    stop(): Promise<void>;
  }>;

/**
 * Starts what one machine needs for several replicas: PostgreSQL and Redis when the configuration names none, the
 * replicas on unix sockets, and nginx in front of them; starts again what ends by itself.
 *
 * @throws when a part does not start; what was started by then is stopped
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const started = new AsyncDisposableStack();
  try {
    // Before anything is started: what is missing is said at once.
    findProgram("nginx");
    mkdirSync(options.folder, { recursive: true, mode: 0o755 });
    const { config, log } = options;
    const output = createOutput(log, config.log_format);
    const database = await startDatabase(options, started);
    const redis = await startRedis(options, output, started);
    const env = {
      ...database.env,
      ...redis.env,
      MIMALLOC_PURGE_DELAY: "-1",
      BUN_CONFIG_MAX_HTTP_REQUESTS: "2048",
      PORT: "",
      ADMIN_PORT: "",
    };
    const replicas = new Replicas({ ...options, output, env });
    started.defer(() => replicas.stop());
    await replicas.grow(options.count);
    const nginx = await startNginx({ ...options, output, upstreams: replicas.sockets });
    started.defer(() => nginx.kept.stop());
    if (config.listen.admin_port !== 0) {
      const admin = serveAdmin(config.listen, replicas.all);
      started.defer(() => admin.stop());
    }
    const controls = createControls({ replicas, nginx, redis: redis.kept, url: nginx.url });
    const control = serveControl(options.folder, controls);
    started.defer(() => control.stop());
    return { ...controls, failed: database.failed, stop: () => started.disposeAsync() };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

/** Its connections are counted for this many replicas at least, so that a fleet may grow without a new database. */
const COUNTED_REPLICAS_MIN = 8;
/** Beside its lanes a replica listens, and moves its outbox, on connections of its own. */
const OTHER_CONNECTIONS = 4;

/** The database of the configuration, or an embedded one with the demo business, as `bun start` has it. */
async function startDatabase({ config, log, count }: FleetOptions, started: AsyncDisposableStack) {
  if (config.mode !== "embedded") return { env: {}, failed: new Promise<string>(() => {}) };
  const { fast_max, write_max, report_max } = config.database;
  const each = fast_max + write_max + report_max + OTHER_CONNECTIONS;
  // One more than there are: a rolling restart has the former and the new one at once.
  const max_connections = (Math.max(count, COUNTED_REPLICAS_MIN) + 1) * each;
  const settings = { max_connections: String(max_connections) };
  const server = await startEmbeddedPostgres({ data_dir: config.data_dir, log, settings });
  started.defer(server.stop);
  await migrate(server.url, { log });
  await seedDemo(server.url, { files_dir: config.files_dir, log });
  // The secret is read already, from a file or not; both would be a contradiction.
  const secret = { JWT_SECRET: config.auth.jwt_secret, JWT_SECRET_FILE: "" };
  // With a DATABASE_URL there would be no way for one-time codes.
  const env = { DATABASE_URL: server.url, DEMO: "true", OTP_DELIVERY: config.otp.delivery, ...secret };
  return { env, failed: server.failed };
}

async function startRedis(
  { config, log, folder }: FleetOptions,
  output: Output,
  started: AsyncDisposableStack,
): Promise<{ env: Record<string, string>; kept: Kept | null }> {
  if (config.redis_url !== null || config.redis_cluster_urls.length > 0) return { env: {}, kept: null };
  const password = randomBytes(24).toString("hex");
  const { url, kept } = await keepRedis({ folder, password, log, output });
  started.defer(() => kept.stop());
  await kept.begin();
  return { env: { REDIS_URL: url }, kept };
}

/** How a server is started from its source, or, in the compiled binary, from itself. */
function serveCommand(): string[] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled ? [process.execPath, "serve"] : [process.execPath, Bun.main, "serve"];
}

/** The servers, by number. Each knows how many there are: their limits and the pool arithmetic count with it. */
class Replicas {
  readonly all: Replica[] = [];
  readonly #options: FleetOptions & { output: Output; env: Readonly<Record<string, string>> };
  readonly #env: Record<string, string>;

  constructor(options: FleetOptions & { output: Output; env: Readonly<Record<string, string>> }) {
    this.#options = options;
    this.#env = { ...options.env };
  }

  get sockets(): string[] {
    return this.all.map(({ socket }) => `unix:${socket}`);
  }

  /** What those that are started from now on are told. */
  #countIs(count: number): void {
    this.#env["REPLICAS"] = String(count);
    if (this.#options.config.auth.password_hashes_max > 0) return;
    // They share the cores: more hashes at a time would only keep what answers from running.
    this.#env["PASSWORD_HASHES_MAX"] = String(Math.max(1, Math.floor(availableParallelism() / count)));
  }

  /** Starts those that are missing, one after the other: the machine is busy enough with one. */
  async grow(count: number): Promise<void> {
    const { folder, log, output, config } = this.#options;
    this.#countIs(count);
    while (this.all.length < count) {
      const name = `api-${this.all.length + 1}`;
      const { log_format } = config;
      const command = serveCommand();
      const replica = new Replica({ name, folder, command, env: this.#env, log, log_format, output });
      await replica.begin();
      this.all.push(replica);
    }
  }

  /** Those that are too many, with nginx not knowing them any more. */
  async shrink(count: number): Promise<void> {
    this.#countIs(count);
    for (const replica of this.all.splice(count)) await replica.stop();
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((replica) => replica.stop()));
  }
}

function createControls(parts: {
  replicas: Replicas;
  nginx: Awaited<ReturnType<typeof startNginx>>;
  redis: Kept | null;
  url: string;
}): FleetControls {
  const { replicas, nginx, redis, url } = parts;
  const restartAll = async (): Promise<void> => {
    for (const replica of replicas.all) await replica.replace();
  };
  const scale = async (count: number): Promise<void> => {
    if (!Number.isInteger(count) || count < 1) throw new RangeError("a fleet has at least one replica");
    if (count === replicas.all.length) return;
    if (count > replicas.all.length) await replicas.grow(count);
    await nginx.configure(replicas.sockets.slice(0, count));
    await replicas.shrink(count);
    // Those that were there before still count with the former number.
    await restartAll();
  };
  const status = (): FleetStatus => ({
    pid: process.pid,
    url,
    nginx_pid: nginx.kept.child?.pid ?? null,
    redis_pid: redis?.child?.pid ?? null,
    replicas: replicas.all.map(({ name, pid, restarts }) => ({ name, pid, restarts })),
  });
  // One change at a time: a second waits until the first is done.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (change: () => Promise<void>): Promise<void> => {
    const done = last.then(change);
    last = done.catch(() => {});
    return done;
  };
  return {
    status,
    rollingRestart: () => inTurn(restartAll),
    reloadNginx: () => inTurn(nginx.reload),
    scale: (count) => inTurn(() => scale(count)),
  };
}
