import {
  bumpScript,
  confirmScript,
  fillScript,
  initScript,
  openScript,
} from "../../../src/platform/cache/script.ts";

export type Argument = string | Buffer;
type Text = string | Buffer;
type StreamItem = { id: number; fields: string[] };
type Value =
  | { kind: "string"; text: Text; ends: number }
  | { kind: "hash"; fields: Map<string, string>; ends: number }
  | { kind: "stream"; items: StreamItem[]; last: number; ends: number };
type Kind = Value["kind"];
type Of<K extends Kind> = Extract<Value, { kind: K }>;

/** What a server answers to a command that it refuses. */
export class FakeRefusal extends Error {}

/** A reply that is still to come: `tried` asks again after every change and at the end of the wait. */
export type Blocked = { readonly blocked: true; readonly until: number; tried(): unknown };
export const isBlocked = (reply: unknown): reply is Blocked =>
  typeof reply === "object" && reply !== null && "blocked" in reply;

const NEVER = Number.POSITIVE_INFINITY;

/** A BUMP as it was made, for those who keep count. */
export type MadeBump = Readonly<{ generation: string; n: number; tags: readonly string[] }>;

/**
 * The commands and scripts of the cache, in memory, one at a time as a Redis runs them. Held to a real server by
 * tests/cache/fake-redis.test.ts, which runs the same commands on both.
 */
export class FakeRedis {
  data = new Map<string, Value>();
  run_id: string;
  readonly clock: () => number;
  readonly #bumped: (bump: MadeBump) => void;
  readonly #scripts = new Map<string, (keys: string[], args: Argument[]) => unknown>();
  readonly #known = new Set<string>();

  /** @param clock milliseconds since 1970, as this server has them */
  constructor(run_id: string, clock: () => number, bumped: (bump: MadeBump) => void = () => {}) {
    this.run_id = run_id;
    this.clock = clock;
    this.#bumped = bumped;
    this.#scripts.set(openScript.hash, (keys, args) => this.#open(keys, args.map(String)));
    this.#scripts.set(bumpScript.hash, (keys, args) => this.#bump(keys, args.map(String)));
    this.#scripts.set(initScript.hash, (keys, args) => this.#init(keys, args.map(String)));
    this.#scripts.set(fillScript.hash, (keys, args) => this.#fill(keys, args));
    this.#scripts.set(confirmScript.hash, (keys, args) => this.#confirm(keys, args.map(String)));
  }

  /** A copy of everything, as a snapshot on a disk has it. */
  snapshot(): Map<string, Value> {
    return structuredClone(this.data);
  }

  /** Comes up again under a new name, with this data. */
  restart(run_id: string, data: Map<string, Value>): void {
    this.run_id = run_id;
    this.data = structuredClone(data);
    this.#known.clear();
  }

  /** Runs one command. Throws FakeRefusal; Blocked for an XREAD that has to wait. */
  run(args: readonly Argument[], as: "text" | "bytes"): unknown {
    const [name = "", ...rest] = args;
    const texts = rest.map((arg) => (typeof arg === "string" ? arg : ""));
    const give = (text: Text | null): Text | null =>
      text === null ? null : as === "bytes" ? Buffer.from(text as string) : String(text);
    const key = texts[0] ?? "";
    switch (String(name).toUpperCase()) {
      case "PING":
        return "PONG";
      case "INFO":
        return this.#info();
      case "TIME":
        return [String(Math.floor(this.clock() / 1000)), String((this.clock() % 1000) * 1000)];
      case "GET":
        return give(this.#get(key));
      case "MGET":
        return texts.map((one) => give(this.#find("string", one, false)?.text ?? null));
      case "SET":
        return this.#set(key, rest[1] ?? "", texts.slice(2));
      case "DEL":
        return texts.filter((one) => this.#drop(one)).length;
      case "EXISTS":
        return texts.filter((one) => this.#any(one) !== undefined).length;
      case "STRLEN":
        return Buffer.byteLength(this.#get(key) ?? "");
      case "EXPIRE":
        return this.#expire(key, Number(texts[1]) * 1000);
      case "HGETALL":
        return Object.fromEntries(this.#find("hash", key)?.fields ?? []);
      case "HSET":
        return this.#hset(key, texts[1] ?? "", texts[2] ?? "");
      case "HDEL":
        return texts.slice(1).filter((field) => this.#hdel(key, field)).length;
      case "XADD":
        return this.#xadd(key, texts.slice(1));
      case "XREAD":
        return this.#xread(texts);
      case "XTRIM":
        return this.#xtrim(key, Number(texts[2]));
      case "FLUSHALL":
        this.data.clear();
        return "OK";
      case "SCRIPT":
        this.#known.clear();
        return "OK";
      case "EVALSHA":
      case "EVAL":
        return this.#eval(String(name).toUpperCase(), rest);
      default:
        throw new FakeRefusal(`ERR unknown command '${String(name)}'`);
    }
  }

  #eval(how: string, rest: readonly Argument[]): unknown {
    const [what = "", count = "0", ...args] = rest;
    const hash = how === "EVAL" ? new Bun.CryptoHasher("sha1").update(what).digest("hex") : String(what);
    const script = this.#scripts.get(hash);
    if (how === "EVAL") this.#known.add(hash);
    else if (!this.#known.has(hash)) throw new FakeRefusal("NOSCRIPT No matching script.");
    if (script === undefined) throw new FakeRefusal("ERR a script that this fake does not know");
    return script(args.slice(0, Number(count)).map(String), args.slice(Number(count)));
  }

  #info(): string {
    const lines = ["role:master", "loading:0", `run_id:${this.run_id}`, `master_replid:${this.run_id}r`];
    return [...lines, "maxmemory_policy:volatile-lru", ""].join("\r\n");
  }

  #any(key: string): Value | undefined {
    const value = this.data.get(key);
    if (value === undefined || value.ends > this.clock()) return value;
    this.data.delete(key);
    return undefined;
  }

  #find<K extends Kind>(kind: K, key: string, refuse = true): Of<K> | undefined {
    const value = this.#any(key);
    if (value === undefined || value.kind === kind) return value as Of<K> | undefined;
    if (!refuse) return undefined;
    throw new FakeRefusal("WRONGTYPE Operation against a key holding the wrong kind of value");
  }

  #get(key: string): Text | null {
    return this.#find("string", key)?.text ?? null;
  }

  #number(key: string): number | null {
    const text = this.#get(key);
    return text === null ? null : Number(text);
  }

  #drop(key: string): boolean {
    const had = this.#any(key) !== undefined;
    this.data.delete(key);
    return had;
  }

  #set(key: string, text: Argument, options: readonly string[]): "OK" | null {
    let ends = NEVER;
    for (let at = 0; at < options.length; at += 1) {
      if (options[at] === "NX" && this.#any(key) !== undefined) return null;
      if (options[at] === "PX") ends = this.clock() + Number(options[at + 1]);
      if (options[at] === "EX") ends = this.clock() + Number(options[at + 1]) * 1000;
    }
    this.data.set(key, { kind: "string", text, ends });
    return "OK";
  }

  #incr(key: string): number {
    const value = this.#find("string", key);
    const next = Number(value?.text ?? 0) + 1;
    this.data.set(key, { kind: "string", text: String(next), ends: value?.ends ?? NEVER });
    return next;
  }

  #expire(key: string, life_ms: number): number {
    const value = this.#any(key);
    if (value === undefined) return 0;
    value.ends = this.clock() + life_ms;
    return 1;
  }

  #hset(key: string, field: string, text: string): number {
    let value = this.#find("hash", key);
    if (value === undefined) {
      value = { kind: "hash", fields: new Map(), ends: NEVER };
      this.data.set(key, value);
    }
    const fresh = !value.fields.has(field);
    value.fields.set(field, text);
    return fresh ? 1 : 0;
  }

  #hdel(key: string, field: string): boolean {
    const value = this.#find("hash", key);
    const had = value?.fields.delete(field) ?? false;
    if (value?.fields.size === 0) this.data.delete(key);
    return had;
  }

  /** `[MAXLEN ~ n] id field value…`; as real servers do, `~` cuts nothing from a stream this short. */
  #xadd(key: string, args: readonly string[]): string {
    const [id = "", ...fields] = args[0] === "MAXLEN" ? args.slice(3) : args;
    let value = this.#find("stream", key);
    if (value === undefined) {
      value = { kind: "stream", items: [], last: 0, ends: NEVER };
      this.data.set(key, value);
    }
    const n = Number.parseInt(id, 10);
    if (n <= value.last) {
      throw new FakeRefusal(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
      );
    }
    value.items.push({ id: n, fields: [...fields] });
    value.last = n;
    return id;
  }

  #xtrim(key: string, length: number): number {
    const value = this.#find("stream", key);
    if (value === undefined) return 0;
    const cut = Math.max(0, value.items.length - length);
    value.items.splice(0, cut);
    return cut;
  }

  #xread(args: readonly string[]): unknown {
    const after = (word: string): number => Number(args[args.indexOf(word) + 1]);
    const [count, block] = [after("COUNT"), args.includes("BLOCK") ? after("BLOCK") : null];
    const [key = "", from = ""] = args.slice(args.indexOf("STREAMS") + 1);
    const last = Number.parseInt(from, 10);
    const read = (): unknown => {
      const items = (this.#find("stream", key)?.items ?? []).filter(({ id }) => id > last).slice(0, count);
      return items.length === 0 ? null : { [key]: items.map(({ id, fields }) => [`${id}-0`, [...fields]]) };
    };
    const found = read();
    if (found !== null || block === null) return found;
    return { blocked: true, until: this.clock() + block, tried: read } satisfies Blocked;
  }

  // The scripts, line for line as in src/platform/cache/scripts.

  #open(keys: readonly string[], args: readonly string[]): unknown {
    const [key = ""] = keys;
    const [server = "", candidate = "", replica = "", token = "", replaced = ""] = args;
    const prefix = key.slice(0, -1);
    let value = this.#text(key);
    let nonce: string | null = null;
    if (value !== null) {
      const blank = value.indexOf(" ");
      nonce = blank < 0 ? null : value.slice(blank + 1);
      const whole = nonce !== null && this.#exists(`${prefix}${nonce}:n`, `${prefix}${nonce}:s`);
      if (!whole || value.slice(0, blank) !== server || nonce === replaced) {
        if (whole) this.#xadd(`${prefix}${nonce}:s`, [`${this.#incr(`${prefix}${nonce}:n`)}-0`, "k", "end"]);
        if (nonce !== null)
          for (const part of ["n", "s", "r"]) this.#expire(`${prefix}${nonce}:${part}`, 60_000);
        nonce = null;
      }
    }
    if (nonce === null) {
      nonce = candidate;
      value = `${server} ${nonce}`;
      this.#set(key, value, []);
      this.#set(`${prefix}${nonce}:n`, "1", []);
      this.data.delete(`${prefix}${nonce}:s`);
      this.#xadd(`${prefix}${nonce}:s`, ["1-0", "k", "begin"]);
    }
    const n = this.#text(`${prefix}${nonce}:n`) ?? "";
    if (replica !== "") this.#hset(`${prefix}${nonce}:r`, replica, `${token} 0`);
    return [value, Number(n)];
  }

  #bump(keys: readonly string[], args: readonly string[]): unknown {
    const [key = ""] = keys;
    const [generation = "", kind = "", note = "", ...tags] = args;
    const value = this.#text(key);
    if (value !== generation) return [value ?? ""];
    const base = baseOf(key, value);
    if (!this.#exists(`${base}:n`, `${base}:s`)) return [""];
    const n = this.#incr(`${base}:n`);
    const entry = ["k", kind];
    if (note !== "") entry.push("m", note, "at", String(Math.floor(this.clock())));
    for (const tag of tags) {
      entry.push("t", tag);
      this.#set(`${base}:v:${tag}`, String(n), ["EX", "86400"]);
    }
    this.#xadd(`${base}:s`, ["MAXLEN", "~", "10000", `${n}-0`, ...entry]);
    this.#bumped({ generation, n, tags });
    return [value, n];
  }

  #init(keys: readonly string[], args: readonly string[]): unknown {
    const [key = ""] = keys;
    const [generation, ...tags] = args;
    const value = this.#text(key);
    if (value === null || value !== generation) return [value ?? ""];
    const base = baseOf(key, value);
    const n = this.#number(`${base}:n`);
    if (n === null) return [""];
    for (const tag of tags) this.#set(`${base}:v:${tag}`, String(n), ["EX", "86400", "NX"]);
    return [value, n];
  }

  #fill(keys: readonly string[], args: readonly Argument[]): unknown {
    const [key = "", entryKey, ...versionKeys] = keys;
    const [generation, entry = "", position, life, lease, token] = args;
    const value = this.#text(key);
    if (value === null || value !== String(generation)) return [value ?? ""];
    if (String(token) !== "" && this.#text(String(lease)) === String(token)) this.data.delete(String(lease));
    if (entryKey === undefined) return [value, 0];
    const at = Number(position);
    const versions = versionKeys.map((versionKey) => this.#number(versionKey));
    let n: number | null = null;
    for (const version of versions) {
      if (version !== null && version > at) return [value, 0];
      if (version !== null || n !== null) continue;
      n = this.#number(`${baseOf(key, value)}:n`);
      if (n === null) return [""];
    }
    const old = this.#get(entryKey);
    if (old !== null) {
      const bytes = Buffer.from(old as string).subarray(2, 10);
      if (bytes.byteLength === 8 && bytes.readDoubleBE(0) > at) return [value, 0];
    }
    versionKeys.forEach((versionKey, which) => {
      if (versions[which] === null) this.#set(versionKey, String(n), ["EX", "86400"]);
    });
    this.#set(entryKey, entry, ["PX", String(life)]);
    return [value, 1];
  }

  #confirm(keys: readonly string[], args: readonly string[]): unknown {
    const [key = ""] = keys;
    const [generation, replica = "", token, number] = args;
    const value = this.#text(key);
    if (value === null || value !== generation) return [value ?? ""];
    const registry = `${baseOf(key, value)}:r`;
    const row = this.#find("hash", registry)?.fields.get(replica);
    const blank = row?.indexOf(" ") ?? -1;
    if (row === undefined || blank < 0 || row.slice(0, blank) !== token) return [value, 0];
    if (Number(number) < 0) this.#hdel(registry, replica);
    else if (Number(number) > Number(row.slice(blank + 1)))
      this.#hset(registry, replica, `${token} ${number}`);
    return [value, 1];
  }

  #text(key: string): string | null {
    const text = this.#get(key);
    return text === null ? null : String(text);
  }

  #exists(...keys: readonly string[]): boolean {
    return keys.every((key) => this.#any(key) !== undefined);
  }
}

const baseOf = (key: string, generation: string): string =>
  key.slice(0, -1) + generation.slice(generation.indexOf(" ") + 1);
