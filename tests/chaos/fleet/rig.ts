import { rmSync } from "node:fs";
import { join } from "node:path";
import { askSupervisor, type FleetStatus } from "../../../src/fleet/control.ts";
import { runFolder } from "../../../src/fleet/folder.ts";
import { isAlive, readPostmaster, waitUntil } from "../../../src/platform/db/embedded-process.ts";
import { connect, createTestDatabase } from "../../helpers/database.ts";
import { makeBusiness, password } from "../../helpers/fixtures.ts";
import { type Program, startProgram, waitForAnswer } from "../../helpers/program.ts";
import { freePort, makeTestFolder, type Service, startTestPostgres } from "../../helpers/services.ts";
import { freezePostgres } from "../../helpers/signals.ts";
import { type Network, startNetwork } from "../../cache/chaos/network.ts";
import { type ChaosRedis, startChaosRedis } from "../../cache/chaos/redis.ts";
import { Client, requestText } from "./client.ts";
import { anyAddress, loginText } from "./traffic.ts";

/** Somebody who may ask, logged in. */
export type Member = Readonly<{ username: string; password: string; access_token: string }> & {
  /** Good for one refresh, which brings the next; null while that is under way. */
  refresh_token: string | null;
};

/** A durable PostgreSQL that can be restarted and killed; it comes back on the same port. */
export type FaultyPostgres = Readonly<{
  restart(down_ms: number): Promise<void>;
  /** SIGKILL to all of it. */
  kill(down_ms: number): Promise<void>;
  /** SIGSTOP to all of it, and SIGCONT: connections stay, and nothing answers. */
  freeze(frozen_ms: number): Promise<void>;
}>;

/** nginx, replicas, PostgreSQL and Redis, as `bun run replicas` runs them, and people who use them. */
export type Fleet = Readonly<{
  url: string;
  port: number;
  supervisor: Program;
  redis: ChaosRedis;
  /** One link, 0, to Redis, where there is one. */
  redis_network: Network | null;
  /** The log of nginx, one JSON line a request, written within a second. */
  access_log: string;
  postgres: FaultyPostgres;
  database_url: string;
  members: readonly Member[];
  unit_ids: readonly string[];
  /** Where the sockets and nginx's files are. */
  run_folder: string;
  client(timeout_ms: number): Client;
  /** Asks one replica, by its name, with no nginx in between. It believes whatever address it is told. */
  direct(replica: string, timeout_ms: number): Client;
  status(): Promise<FleetStatus>;
  /** `POST /rolling-restart` or `POST /scale?count=n` of the supervisor. */
  control(request: string): Promise<void>;
  stop(): Promise<void>;
}>;

const unlimited = "1000000000";
const UNITS = 500;
/** Roles that may read and write what the traffic reads and writes. */
const roles = ["owner", "admin", "manager"] as const;

/** Signs the fleet's tokens. */
export const chaosSecret = "a-secret-for-chaos-tests-of-at-least-32-bytes";

const defaults: Readonly<Record<string, string>> = {
  JWT_SECRET: chaosSecret,
  HOST: "127.0.0.1",
  ADMIN_PORT: "0",
  LOG_LEVEL: "warn",
  LOG_FORMAT: "json",
  RATE_LIMIT_PER_MINUTE: unlimited,
  RATE_LIMIT_PER_HOUR: unlimited,
  RATE_LIMIT_PER_DAY: unlimited,
  LOGIN_RATE_LIMIT_PER_MINUTE: unlimited,
  SEARCH_RATE_LIMIT_PER_MINUTE: unlimited,
  NGINX_API_RATE_PER_S: "0",
};

/** Starts everything; the fleet is ready and its members are logged in when it returns. */
export async function startFleet(options: {
  replicas: number;
  env?: Readonly<Record<string, string>>;
  redis_network?: boolean;
}): Promise<Fleet> {
  const started = new AsyncDisposableStack();
  try {
    const folder = makeTestFolder();
    started.defer(() => rmSync(folder, { recursive: true, force: true }));
    const database = await openDatabase(folder, started);
    const redis = await startChaosRedis();
    started.defer(() => redis.stop());
    const redis_network = options.redis_network === true ? startNetwork() : null;
    started.defer(() => redis_network?.stop());
    const [redis_port = redis.port] = (await redis_network?.listen([redis.port], 1)) ?? [];
    const port = await freePort();
    const data_dir = join(folder, "fleet");
    const access_log = join(folder, "access.log");
    const supervisor = startProgram(
      [process.execPath, "--no-orphans", "src/main.ts", "replicas", "--count", String(options.replicas)],
      {
        ...defaults,
        DATABASE_URL: database.url,
        REDIS_URL: `redis://127.0.0.1:${redis_port}`,
        PORT: String(port),
        DATA_DIR: data_dir,
        NGINX_ACCESS_LOG: access_log,
        ...options.env,
      },
    );
    started.defer(async () => {
      supervisor.signal("SIGTERM");
      await supervisor.exited;
    });
    const url = `http://127.0.0.1:${port}`;
    await waitForAnswer(supervisor, `${url}/readyz`, 60_000);
    const run_folder = runFolder(data_dir);
    const direct = (replica: string, timeout_ms: number) =>
      new Client({ to: { unix: join(run_folder, `${replica}.sock`) }, timeout_ms });
    const members = await logIn(direct("api-1", 10_000));
    return {
      url,
      port,
      supervisor,
      redis,
      redis_network,
      postgres: database.faulty,
      database_url: database.url,
      members,
      unit_ids: database.unit_ids,
      run_folder,
      access_log,
      client: (timeout_ms) => new Client({ to: { hostname: "127.0.0.1", port }, timeout_ms }),
      direct,
      async status() {
        const status = await askSupervisor(run_folder, "GET /");
        if (status === null) throw new Error(`the supervisor is gone:\n${supervisor.output()}`);
        return status;
      },
      control: async (request) => void (await askSupervisor(run_folder, request)),
      stop: () => started.disposeAsync(),
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

async function openDatabase(folder: string, started: AsyncDisposableStack) {
  const settings = { port: String(await freePort()) };
  const start = (): Promise<Service> => startTestPostgres(folder, { durable: true, settings });
  let service = await start();
  started.defer(() => service.stop());
  const shared = process.env["TEST_DATABASE_URL"];
  process.env["TEST_DATABASE_URL"] = service.url;
  const { url } = await createTestDatabase();
  if (shared === undefined) delete process.env["TEST_DATABASE_URL"];
  else process.env["TEST_DATABASE_URL"] = shared;
  const sql = connect(url);
  const business = await makeBusiness(sql, { code: "CHAOS", timezone: "Africa/Lagos", currency: "NGN" });
  const units: { id: string }[] = await sql`insert into core.units (business_id, id, name, location)
    select ${business.id}::uuid, gen_random_uuid(), 'Unit ' || n, repeat('n', 200)
    from generate_series(1, ${UNITS}::int) n returning id`;
  await sql.close();
  const faulty: FaultyPostgres = {
    async restart(down_ms) {
      await service.stop();
      await Bun.sleep(down_ms);
      service = await start();
    },
    async kill(down_ms) {
      const postmaster = readPostmaster(join(folder, "data/postgres"));
      if (postmaster === null) throw new Error("there is no PostgreSQL to kill");
      process.kill(postmaster.pid, "SIGKILL");
      await waitUntil(() => !isAlive(postmaster.pid), 5_000);
      // Lets go of its directory, which the next start takes.
      await service.stop();
      await Bun.sleep(down_ms);
      service = await start();
    },
    async freeze(frozen_ms) {
      const wake = freezePostgres(join(folder, "data/postgres"));
      await Bun.sleep(frozen_ms);
      wake();
    },
  };
  return { url, unit_ids: units.map(({ id }) => id), faulty };
}

async function logIn(client: Client): Promise<Member[]> {
  const members: Member[] = [];
  // Several sessions each: refreshing one must not wait for another.
  for (let at = 0; at < 24; at += 1) {
    const username = `chaos.${roles[at % roles.length] ?? "owner"}`;
    const { status, body } = await client.send(loginText({ username, password }, anyAddress(Math.random)));
    if (status !== 200) throw new Error(`login answered ${status}: ${body}`);
    members.push({
      username,
      password,
      ...(JSON.parse(body) as { access_token: string; refresh_token: string }),
    });
  }
  client.close();
  return members;
}

/** How many rows each key of a keyed write has made. */
export async function effectsOf({ database_url }: Fleet): Promise<Map<string, number>> {
  // A connection of its own: the database may have been away since the last one was made.
  await using sql = connect(database_url);
  const rows: { key: string; effects: number }[] = await sql`
    select substr(name, 7) as key, count(*)::int as effects from core.customers where name like 'chaos %' group by 1`;
  return new Map(rows.map(({ key, effects }) => [key, effects]));
}

/** One GET with a member's token. */
export function getText(path: string, token: string): string {
  return requestText({ method: "GET", path, token });
}
