import type fc from "fast-check";
import type { Holes } from "../../../src/platform/cache/types.ts";
import { Checker, type Kind } from "./checker.ts";
import { FakeDatabase } from "./fake-database.ts";
import { Network } from "./fake-link.ts";
import { FakeRedis } from "./fake-redis.ts";
import { kindsOf, type MakeReplica, makeReplica, type Replica, rowOf, rows, tagsOf } from "./replicas.ts";
import { Process, World } from "./world.ts";

/** What the world around the cache does. Numbers that name a replica or a row are taken modulo what there is. */
export type Step =
  | { do: "get"; replica: number; row: number; kind: number }
  | { do: "write"; replica: number; row: number }
  /** Another program commits; only the outbox says so. */
  | { do: "job"; row: number }
  /** The process dies between COMMIT and bump. */
  | { do: "die"; replica: number; row: number }
  | { do: "wait"; ms: number }
  | { do: "clear"; replica: number }
  | { do: "pause" | "suspend" | "cut" | "reset" | "move"; replica: number; ms: number }
  | { do: "freeze"; ms: number }
  | { do: "evict"; what: "v" | "e" | "n" | "s" | "r" | "g" | "l" }
  | { do: "trim" }
  | { do: "flush" }
  | { do: "snapshot" }
  /** From the last snapshot, or with nothing. */
  | { do: "restart"; empty: boolean }
  | { do: "step"; replica: number; ms: number };

/** Of what must not be left over; apart by an odd time, so that nothing periodic is met again and again. */
const LOOKS_MAX = 20;
const LOOK_MS = 37;
const HEALTHY = new Set(["get", "write", "wait"]);

export type ModelOptions = Readonly<{
  steps: readonly Step[];
  ticks: readonly number[];
  replicas: number;
  /** Wall clocks against true time, one for each replica, then Redis's. */
  clocks?: readonly number[];
  holes?: Holes;
  make?: MakeReplica;
}>;

/** One history: everything the steps set off, in the order that the scheduler finds. Returns what went wrong. */
export async function playModel(scheduler: fc.Scheduler, options: ModelOptions): Promise<string[]> {
  const model = new Model(options);
  try {
    return await model.play(scheduler);
  } finally {
    model.end();
  }
}

class Model {
  readonly #options: ModelOptions;
  readonly #world = new World();
  readonly #holes: Holes;
  readonly #database: FakeDatabase;
  readonly #checker: Checker;
  readonly #network: Network;
  readonly #replicas: Replica[];
  #snapshot: ReturnType<FakeRedis["snapshot"]>;
  #restarts = 0;
  #seed = 1;
  /** Lookups, writes and clears that are under way. */
  readonly #running = new Set<{ process: Process }>();
  readonly #errors: string[] = [];

  constructor(options: ModelOptions) {
    this.#options = options;
    this.#holes = options.holes ?? new Set();
    const world = this.#world;
    world.ticks = options.ticks;
    this.#database = new FakeDatabase(world, this.#holes);
    this.#checker = new Checker(world, this.#database);
    this.#checker.faults = options.steps.some((step) => !HEALTHY.has(step.do));
    world.calm = !this.#checker.faults;
    const offset = options.clocks?.at(-1) ?? 0;
    const servers = ["one", "two"].map(
      (name) =>
        new FakeRedis(
          name,
          () => world.wall + offset,
          (bump) => this.#checker.bumped(bump, rowOf),
        ),
    );
    this.#network = new Network(world, servers);
    this.#snapshot = new Map();
    const make = options.make ?? makeReplica;
    const random = (): number => (this.#seed = (this.#seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    this.#replicas = Array.from({ length: options.replicas }, (_, index) => {
      const process = new Process(world, `r${index}`);
      process.wall_offset_ms = options.clocks?.[index] ?? 0;
      const database = this.#database;
      return make({ world, network: this.#network, database, process, holes: this.#holes, random });
    });
  }

  async play(scheduler: fc.Scheduler): Promise<string[]> {
    const world = this.#world;
    await world.run(() => this.#replicas.every((replica) => replica.live()));
    // A writer's confirmations count from a second of holding on.
    const begun = world.now;
    await world.run(() => world.now > begun + 1100);
    world.hand(scheduler);
    let at = 0;
    let done = false;
    const next = (): void => {
      const step = this.#options.steps[at];
      at += 1;
      if (step === undefined) {
        done = true;
        return;
      }
      if (step.do === "wait") world.after(step.ms, next);
      else {
        this.#do(step);
        world.post("next", next);
      }
    };
    next();
    await world.run(() => done);
    await world.takeBack();
    await this.#recover();
    return [...this.#checker.faulted, ...this.#errors];
  }

  end(): void {
    for (const { process } of this.#replicas) process.dead = true;
  }

  /** Everything is well again: the cache must be live within seconds, up to date, and hold nothing back. */
  async #recover(): Promise<void> {
    const world = this.#world;
    const { hosts } = this.#network;
    for (const host of hosts) this.#network.thaw(host);
    for (const { process } of this.#replicas) {
      if (this.#network.host(process) !== hosts[0]) this.#network.route(process, 0);
      this.#network.join(process);
      process.resume();
    }
    const alive = this.#replicas.filter(({ process }) => !process.dead);
    if (alive.length === 0 || this.#holes.size > 0 || this.#errors.length > 0) {
      const until = world.now + 300;
      await world.run(() => world.now > until);
      for (const replica of alive) this.#gets(replica);
      const last = world.now + 300;
      await world.run(() => this.#busy === 0 || world.now > last);
      return;
    }
    const until = world.now + 12_000;
    const well = (): boolean =>
      this.#busy === 0 && this.#database.outbox.size === 0 && alive.every((replica) => replica.live());
    await world.run(() => well() || world.now > until);
    if (!well()) {
      const live = alive.map((replica) => replica.live());
      this.#errors.push(
        `I4 not well after 12 s: live ${live.join()}, outbox ${this.#database.outbox.size}, running ${this.#busy}`,
      );
      return;
    }
    for (const replica of alive) this.#gets(replica);
    const rest = world.now + 600;
    await world.run(() => world.now > rest);
    for (const replica of alive) {
      let left: string[] = [];
      // The relay's and the watch's own calls come and go: what is still there at every look is left over.
      for (let look = 0; look < LOOKS_MAX; look += 1) {
        left = await this.#leftovers(replica);
        if (left.length === 0) break;
        const next = world.now + LOOK_MS;
        await world.run(() => world.now > next);
      }
      this.#errors.push(...left);
    }
  }

  async #leftovers(replica: Replica): Promise<string[]> {
    let left: string[] | null = null;
    void replica.leftovers().then((found) => (left = found));
    await this.#world.run(() => left !== null);
    return left ?? [];
  }

  #gets(replica: Replica): void {
    for (const row of rows) for (const kind of kindsOf(row)) this.#get(replica, kind, row);
  }

  #do(step: Exclude<Step, { do: "wait" }>): void {
    const replica = "replica" in step ? this.#replicas[step.replica % this.#replicas.length] : undefined;
    const row = "row" in step ? (rows[step.row % rows.length] ?? "p0") : "p0";
    const [host] = this.#network.hosts;
    if (host === undefined) return;
    if (replica !== undefined && "replica" in step) {
      // Requests wait at the door of a process that stands still.
      if (step.do === "get" || step.do === "write")
        replica.process.deliver(() => this.#ofReplica(step, replica, row));
      else if (replica.process.runs) this.#ofReplica(step, replica, row);
      return;
    }
    if (step.do === "job") this.#world.post("job commits", () => this.#commit(row, null));
    else if (step.do === "evict") this.#evict(host.redis, step.what);
    else if (step.do === "trim") {
      for (const [key, value] of host.redis.data)
        if (value.kind === "stream") host.redis.run(["XTRIM", key, "MAXLEN", "1"], "text");
    } else if (step.do === "flush") host.redis.run(["FLUSHALL"], "text");
    else if (step.do === "snapshot") this.#snapshot = host.redis.snapshot();
    else if (step.do === "restart") {
      this.#restarts += 1;
      this.#network.restart(host, `one${this.#restarts}`, step.empty ? new Map() : this.#snapshot);
    } else if (step.do === "freeze") {
      this.#network.freeze(host);
      this.#world.after(step.ms, () => this.#network.thaw(host));
    }
  }

  #ofReplica(step: Extract<Step, { replica: number }>, replica: Replica, row: string): void {
    const { process } = replica;
    switch (step.do) {
      case "get": {
        const kinds = kindsOf(row);
        return this.#get(replica, kinds[step.kind % kinds.length] ?? "strict", row);
      }
      case "write":
        return void this.#write(replica, row);
      case "die":
        return void this.#database.statement(process, "last commit", () => {
          this.#commit(row, process);
          process.dead = true;
          this.#network.kill(process);
        });
      case "clear":
        return void replica.clear().finally(this.#begin(process));
      case "pause":
      case "suspend":
        process.stop(step.do === "suspend");
        return void this.#world.after(step.ms, () => process.resume());
      case "cut":
        this.#network.cut(process);
        return void this.#world.after(step.ms, () => this.#network.join(process));
      case "reset":
        return this.#network.kill(process);
      case "move":
        this.#network.route(process, 1);
        return void this.#world.after(step.ms, () => this.#network.route(process, 0));
      case "step":
        process.wall_offset_ms += step.ms;
    }
  }

  #commit(row: string, process: Process | null) {
    return this.#database.commit(row, tagsOf(row), process);
  }

  async #write(replica: Replica, row: string): Promise<void> {
    const { process } = replica;
    const settle = this.#begin(process);
    const commit = await this.#database.statement(process, `commit ${row}`, () => this.#commit(row, process));
    const told = replica.invalidate(commit);
    this.#checker.invalidated(process, commit);
    await told.then(
      () => this.#checker.answered(commit),
      (error: unknown) => this.#errors.push(`invalidate: ${String(error)}`),
    );
    settle();
  }

  #get(replica: Replica, kind: Kind, row: string): void {
    const need = this.#checker.need(kind, row, replica.process, replica.cell);
    const settle = this.#begin(replica.process);
    replica
      .get(kind, row)
      .then(
        ({ version, from }) =>
          this.#checker.seen(need, version, `${kind} ${row} on ${replica.process.name} from ${from}`),
        (error: unknown) => this.#errors.push(`get: ${String(error)}`),
      )
      .finally(settle);
  }

  get #busy(): number {
    return [...this.#running].filter(({ process }) => !process.dead).length;
  }

  #begin(process: Process): () => void {
    const work = { process };
    this.#running.add(work);
    return () => void this.#running.delete(work);
  }

  /** Loses keys of one kind. */
  #evict(redis: FakeRedis, what: string): void {
    for (const key of redis.data.keys()) {
      const part = key.split(":")[key.endsWith(":g") ? 2 : 3];
      if (part === what) redis.data.delete(key);
    }
  }
}
