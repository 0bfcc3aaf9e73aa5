import { readFileSync } from "node:fs";
import { connect } from "../../helpers/database.ts";
import { type Client, type Fate, requestText } from "./client.ts";
import type { Fleet } from "./rig.ts";
import type { Context, Scenario } from "./scenario.ts";

/**
 * What closes idle connections: nginx those to replicas after 60 s (upstream.conf) and those of clients after 75 s
 * (timeouts.conf), which is also when Bun closes (src/http/listen.ts).
 */
const UPSTREAM_IDLE_MS = 60_000;
const CLIENT_IDLE_MS = 75_000;
/** What nginx tells clients instead (`Keep-Alive: timeout=70`). */
const TOLD_IDLE_MS = 70_000;
/** How near to the edge. */
const AROUND_MS = 200;
const ANSWER_MAX_MS = 30_000;
/** nginx keeps 128 to replicas for each worker. */
const UPSTREAM_TRIES = 256;
const CLIENT_TRIES = 500;
const UPSTREAM_ROUNDS = 4;
/** Fewer idle ones prove little. */
const IDLE_MIN = 100;

export const idleEdges: Scenario = {
  id: "R3",
  title: "POSTs without a key into connections that are idle for as long as they may be",
  long_only: true,
  async run(context) {
    const { fleet, say } = context;
    const tries: Try[] = [];
    let [opened, least_idle] = [0, Infinity];
    const upstreamRound = async (): Promise<void> => {
      const clients = makeClients(fleet, UPSTREAM_TRIES);
      // Held up in the database, each takes a connection of its own to a replica, and so it does again later.
      await whileNobodyCanWrite(fleet, () => Promise.all(clients.map((client) => tryOnce(fleet, client))));
      const idle_since = performance.now();
      await Bun.sleep(UPSTREAM_IDLE_MS - 2 * AROUND_MS);
      least_idle = Math.min(least_idle, connectionsToReplicas(fleet));
      const sendAll = () => atTheEdge(context, clients, idle_since + UPSTREAM_IDLE_MS);
      tries.push(...(await whileNobodyCanWrite(fleet, sendAll, 2 * AROUND_MS)));
      opened += endAll(clients) - clients.length;
    };
    const clientRound = async (idle_ms: number): Promise<Try[]> => {
      const clients = makeClients(fleet, CLIENT_TRIES);
      const idle_since = performance.now();
      await Promise.all(
        clients.map((client) => client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")),
      );
      const sent = await atTheEdge(context, clients, idle_since + idle_ms);
      opened += endAll(clients) - clients.length;
      return sent;
    };
    // The clients' edges come after the other one, and use the connections to replicas anew: so all only in the first round.
    const [obedient, late] = await Promise.all([
      clientRound(TOLD_IDLE_MS),
      clientRound(CLIENT_IDLE_MS),
      upstreamRound(),
    ]);
    tries.push(...obedient, ...late);
    for (let round = 1; round < UPSTREAM_ROUNDS; round += 1) await upstreamRound();
    const closed = tries.filter(({ fate }) => fate.failure === "closed");
    const done = await customersNamed(
      fleet,
      closed.map(({ name }) => name),
    );
    say(
      `${tries.length} POSTs, ${opened} on a new connection because theirs had been closed, ` +
        `${closed.length} sent into one that was just being closed, ${done} of them with an effect; ` +
        `at least ${least_idle} connections to replicas were idle`,
    );
    const bad = tries
      .map(({ fate }) => fate)
      .filter((fate) => fate.status !== 201 && fate.failure !== "closed");
    const what = [...new Set(bad.map(({ status, failure }) => failure ?? String(status)))].join(", ");
    return [
      ...(bad.length > 0 ? [`${bad.length} of ${tries.length} POSTs failed: ${what}`] : []),
      // RFC 9112, 9.5: who sends into a connection that is being closed may send again, if it was not done.
      ...(done > 0 ? [`${done} POSTs were done and not answered`] : []),
      ...(obedient.some(({ fate }) => fate.status !== 201)
        ? ["a client that does as it is told lost a POST"]
        : []),
      ...(least_idle < IDLE_MIN ? [`only ${least_idle} connections to replicas were idle`] : []),
    ];
  },
};

const makeClients = (fleet: Fleet, count: number): Client[] =>
  Array.from({ length: count }, () => fleet.client(ANSWER_MAX_MS));

/** @returns how many connections they had opened */
function endAll(clients: readonly Client[]): number {
  for (const client of clients) client.close();
  return clients.reduce((sum, { opened }) => sum + opened, 0);
}

type Try = Readonly<{ name: string; fate: Fate }>;

/** One POST without a key, of a customer with a name of its own. */
async function tryOnce({ members: [member] }: Fleet, client: Client): Promise<Try> {
  if (member === undefined) throw new Error("nobody is logged in");
  const { access_token: token } = member;
  const name = `idle ${Bun.randomUUIDv7()}`;
  const text = requestText({ method: "POST", path: "/api/v1/customers", token, body: { name } });
  return { name, fate: await client.send(text) };
}

async function customersNamed({ database_url }: Fleet, names: readonly string[]): Promise<number> {
  await using sql = connect(database_url);
  const [row]: { count: number }[] = await sql`
    select count(*)::int as count from core.customers where name in (select jsonb_array_elements_text(${JSON.stringify(names)}::text::jsonb))`;
  return row?.count ?? 0;
}

/** Each sends once, somewhere around the instant. */
function atTheEdge({ fleet, random }: Context, clients: readonly Client[], instant: number): Promise<Try[]> {
  return Promise.all(
    clients.map(async (client) => {
      const offset_ms = (random() * 2 - 1) * AROUND_MS;
      await Bun.sleep(Math.max(0, instant + offset_ms - performance.now()));
      // Whoever is late, because others had their turn, first hears what has come meanwhile.
      await new Promise((resolve) => setImmediate(resolve));
      return tryOnce(fleet, client);
    }),
  );
}

/** Holds every write of customers up until all of this has been asked for, `during_ms` and a moment after. */
async function whileNobodyCanWrite(
  { database_url }: Fleet,
  ask: () => Promise<Try[]>,
  during_ms = 0,
): Promise<Try[]> {
  await using sql = connect(database_url);
  let asked: Promise<Try[]> = Promise.resolve([]);
  await sql.begin(async (transaction) => {
    await transaction`lock table core.customers in exclusive mode`;
    asked = ask();
    await Bun.sleep(during_ms + 500);
  });
  return asked;
}

/** Established ones on the replicas' sockets. https://man7.org/linux/man-pages/man5/proc_net.5.html */
function connectionsToReplicas({ run_folder }: Fleet): number {
  const CONNECTED = "03";
  return readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .filter((line) => {
      const [, , , , , state, , path = ""] = line.split(/\s+/);
      return state === CONNECTED && path.startsWith(`${run_folder}/api-`) && !path.includes("admin");
    }).length;
}
