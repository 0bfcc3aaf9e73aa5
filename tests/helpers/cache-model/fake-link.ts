import type { MakeClient, RedisClient } from "../../../src/platform/cache/client.ts";
import { type Argument, type Blocked, type FakeRedis, FakeRefusal, isBlocked } from "./fake-redis.ts";
import type { Process, World } from "./world.ts";

const RECONNECT_MS = 50;

type Call = {
  args: readonly Argument[];
  as: "text" | "bytes";
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
};

/** A server in the network: it may hang, or be gone. */
export type Host = { readonly redis: FakeRedis; frozen: boolean; up: boolean };

/** One connection: commands reach the server in the order they were sent, and so do the answers the process. */
class Link {
  readonly host: Host;
  readonly process: Process;
  readonly toServer: Call[] = [];
  readonly toProcess: (() => void)[] = [];
  readonly owed = new Set<Call>();
  blocked: { call: Call; reply: Blocked } | null = null;
  open = true;

  constructor(host: Host, process: Process) {
    this.host = host;
    this.process = process;
  }
}

/** Which server each process reaches, and everything under way between them. */
export class Network {
  readonly hosts: Host[];
  readonly #world: World;
  readonly #routes = new Map<Process, number>();
  readonly #cut = new Set<Process>();
  readonly #links = new Set<Link>();
  readonly #clients = new Map<Link, FakeClient>();
  #held: { link: Link; run: () => void; label: string }[] = [];

  constructor(world: World, hosts: readonly FakeRedis[]) {
    this.#world = world;
    this.hosts = hosts.map((redis) => ({ redis, frozen: false, up: true }));
  }

  makeClient(process: Process): MakeClient {
    return () => new FakeClient(this, this.#world, process);
  }

  host(process: Process): Host {
    return this.hosts[this.#routes.get(process) ?? 0] as Host;
  }

  /** From now on new connections of the process lead to another server; those that stand are reset. */
  route(process: Process, host: number): void {
    this.#routes.set(process, host);
    this.kill(process);
  }

  /** Nothing passes any more between the process and its server, and nobody says so. */
  cut(process: Process): void {
    this.#cut.add(process);
  }

  join(process: Process): void {
    this.#cut.delete(process);
    this.#release();
  }

  freeze(host: Host): void {
    host.frozen = true;
  }

  thaw(host: Host): void {
    host.frozen = false;
    this.#release();
  }

  /** Resets the connections of a process; answers on their way are lost. */
  kill(process: Process): void {
    for (const link of this.#links) if (link.process === process) this.#reset(link);
  }

  /** Ends a server and begins it anew with this data. */
  restart(host: Host, run_id: string, data: Parameters<FakeRedis["restart"]>[1]): void {
    host.frozen = false;
    for (const link of this.#links) if (link.host === host) this.#reset(link);
    host.redis.restart(run_id, data);
  }

  connect(client: FakeClient, process: Process): Link | null {
    const host = this.host(process);
    if (!host.up || host.frozen || this.#cut.has(process) || process.dead) return null;
    const link = new Link(host, process);
    this.#links.add(link);
    this.#clients.set(link, client);
    return link;
  }

  send(link: Link, call: Call): void {
    if (!link.open) {
      // Reset, and the process has not noticed yet.
      link.process.deliver(() => call.reject(new Error("connection closed")));
      return;
    }
    link.toServer.push(call);
    link.owed.add(call);
    this.#pass(link, `${link.process.name} ${String(call.args[0])} →`, () => this.#serve(link));
  }

  /** Closed by the process: what it has sent may still be served. */
  leave(link: Link): void {
    link.open = false;
    link.blocked = null;
    this.#links.delete(link);
    this.#clients.delete(link);
    for (const call of link.owed) link.process.deliver(() => call.reject(new Error("connection closed")));
    link.owed.clear();
  }

  #reset(link: Link): void {
    const client = this.#clients.get(link);
    link.toServer.length = 0;
    this.leave(link);
    if (client !== undefined) link.process.deliver(() => client.dropped());
  }

  #pass(link: Link, label: string, run: () => void): void {
    this.#world.post(label, () => {
      if (this.#cut.has(link.process) || (link.host.frozen && label.endsWith("→"))) {
        this.#held.push({ link, run, label });
      } else run();
    });
  }

  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const { link, run, label } of held) this.#pass(link, label, run);
  }

  #serve(link: Link): void {
    if (link.blocked !== null) return;
    const call = link.toServer.shift();
    if (call === undefined) return;
    let reply: unknown;
    try {
      reply = link.host.redis.run(call.args, call.as);
    } catch (error) {
      if (!(error instanceof FakeRefusal)) throw error;
      this.#answer(link, call, () => call.reject(error));
      return;
    }
    if (isBlocked(reply)) {
      if (!link.open) return;
      const mine = { call, reply };
      link.blocked = mine;
      this.#world.after(reply.until - link.host.redis.clock(), () => {
        if (link.blocked === mine) this.#unblock(link, mine, null);
      });
      return;
    }
    this.#answer(link, call, () => call.resolve(reply));
    this.#tryBlocked(link.host);
  }

  #tryBlocked(host: Host): void {
    for (const link of this.#links) {
      const { blocked } = link;
      if (link.host !== host || blocked === null) continue;
      const reply = blocked.reply.tried();
      if (reply !== null) this.#unblock(link, blocked, reply);
    }
  }

  #unblock(link: Link, blocked: NonNullable<Link["blocked"]>, reply: unknown): void {
    link.blocked = null;
    this.#answer(link, blocked.call, () => blocked.call.resolve(reply));
    for (let waiting = link.toServer.length; waiting > 0; waiting -= 1) this.#serve(link);
  }

  #answer(link: Link, call: Call, settle: () => void): void {
    if (!link.open) return;
    link.toProcess.push(() => {
      if (!link.owed.delete(call)) return;
      settle();
    });
    this.#pass(link, `${link.process.name} ${String(call.args[0])} ←`, () => {
      const next = link.toProcess.shift();
      if (next !== undefined && link.open) link.process.deliver(next);
    });
  }
}

/** A client as client.ts makes it, over the fake network. */
class FakeClient implements RedisClient {
  readonly #network: Network;
  readonly #world: World;
  readonly #process: Process;
  #link: Link | null = null;
  #events: { ready(): void; lost(reason: string): void } | null = null;
  #destroyed = false;

  constructor(network: Network, world: World, process: Process) {
    this.#network = network;
    this.#world = world;
    this.#process = process;
  }

  connect(events: { ready(): void; lost(reason: string): void }): void {
    this.#events = events;
    this.#dial();
  }

  send(args: readonly Argument[], as: "text" | "bytes"): Promise<unknown> {
    const link = this.#link;
    if (link === null) return Promise.reject(new Error("the client is offline"));
    return new Promise((resolve, reject) => this.#network.send(link, { args, as, resolve, reject }));
  }

  refusal(error: unknown): string | null {
    return error instanceof FakeRefusal ? error.message : null;
  }

  destroy(): void {
    this.#destroyed = true;
    const link = this.#link;
    this.#link = null;
    if (link !== null) this.#network.leave(link);
  }

  /** The connection was reset. */
  dropped(): void {
    if (this.#destroyed || this.#link === null) return;
    this.#link = null;
    this.#events?.lost("reset");
    this.#process.timer.after(RECONNECT_MS, () => this.#dial());
  }

  #dial(): void {
    this.#world.post(`${this.#process.name} connect`, () => {
      if (this.#destroyed) return;
      const link = this.#network.connect(this, this.#process);
      this.#process.deliver(() => {
        if (this.#destroyed) {
          if (link !== null) this.#network.leave(link);
          return;
        }
        if (link === null || !link.open) {
          this.#events?.lost("refused");
          this.#process.timer.after(RECONNECT_MS, () => this.#dial());
          return;
        }
        this.#link = link;
        this.#events?.ready();
      });
    });
  }
}
