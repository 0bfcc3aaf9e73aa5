import { randomBytes } from "node:crypto";
import { type Client, requestText } from "./client.ts";
import { type Kind, Recorder } from "./record.ts";
import { pick } from "../../cache/chaos/random.ts";
import type { Fleet, Member } from "./rig.ts";

export type TrafficOptions = Readonly<{
  per_second: number;
  /** Draws what is asked for. */
  random: () => number;
  /** Shares of the kinds; they sum to 1. */
  mix?: Readonly<Partial<Record<Kind, number>>>;
  /** After this an answer is given up. */
  timeout_ms?: number;
}>;

/** 65 % reads, 25 % writes with a key, 5 % dashboards, 5 % login and refresh (goals.md, Reliability). */
const usual: Readonly<Partial<Record<Kind, number>>> = {
  get: 0.65,
  keyed: 0.25,
  dashboard: 0.05,
  login: 0.02,
  refresh: 0.03,
};
const TICK_MS = 5;
/**
 * Requests under way at a time: more than a fleet takes. Beyond it they leave late, which counts as their waiting; a
 * client that opens connections without end finds its own limits and not the fleet's.
 */
const UNDER_WAY_MAX = 2_500;

const dashboards = ["stats", "recent-jobs", "chart/jobs-by-status", "chart/jobs-by-month", "activity"];

/** A request, and what to do with its answer. */
type Asked = { kind: Kind; text: string; key?: string; answered?: (body: string) => void };

/**
 * Open-loop load: requests leave on schedule whether or not earlier ones were answered, and what they wait counts from
 * when they should have left. Everything that is asked is recorded.
 */
export class Traffic {
  readonly recorder = new Recorder();
  readonly #fleet: Fleet;
  readonly #options: TrafficOptions;
  readonly #client: Client;
  readonly #kinds: readonly [Kind, number][];
  readonly #open = new Set<Promise<void>>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #sent = 0;

  constructor(fleet: Fleet, options: TrafficOptions) {
    this.#fleet = fleet;
    this.#options = options;
    this.#client = fleet.client(options.timeout_ms ?? 35_000);
    this.#kinds = Object.entries(options.mix ?? usual) as [Kind, number][];
  }

  start(): void {
    const began_ms = this.recorder.now_ms();
    const gap_ms = 1_000 / this.#options.per_second;
    this.#timer = setInterval(() => {
      for (;;) {
        const at_ms = began_ms + this.#sent * gap_ms;
        if (at_ms > this.recorder.now_ms() || this.#open.size >= UNDER_WAY_MAX) return;
        this.#sent += 1;
        const asked = this.#ask(at_ms).finally(() => this.#open.delete(asked));
        this.#open.add(asked);
      }
    }, TICK_MS);
  }

  /** Closed loop: so many always wait for an answer, for this long. */
  async saturate(workers: number, duration_ms: number): Promise<void> {
    const end_ms = this.recorder.now_ms() + duration_ms;
    const worker = async (): Promise<void> => {
      while (this.recorder.now_ms() < end_ms) await this.#ask(this.recorder.now_ms());
    };
    await Promise.all(Array.from({ length: workers }, worker));
    this.#client.close();
  }

  /** Sends no more, and waits for what is under way. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#client.close();
  }

  async #ask(at_ms: number): Promise<void> {
    const asked = this.#choose();
    const fate = await this.#client.send(asked.text);
    this.recorder.add(asked.kind, at_ms, fate, asked.key ?? null);
    if (fate.status === 200) asked.answered?.(fate.body);
  }

  #choose(): Asked {
    const { random } = this.#options;
    let left = random();
    for (const [kind, share] of this.#kinds) {
      left -= share;
      if (left < 0) return this.#make(kind);
    }
    return this.#make("get");
  }

  #make(kind: Kind): Asked {
    const { members, unit_ids } = this.#fleet;
    const { random } = this.#options;
    const member = pick(random, members);
    const { access_token: token } = member;
    if (kind === "get" || kind === "cached") {
      const path =
        kind === "cached" || random() < 0.8
          ? `/api/v1/units/${pick(random, unit_ids)}`
          : "/api/v1/customers?limit=20";
      return { kind, text: requestText({ method: "GET", path, token }) };
    }
    if (kind === "dashboard")
      return {
        kind,
        text: requestText({ method: "GET", path: `/api/v1/dashboard/${pick(random, dashboards)}`, token }),
      };
    if (kind === "login") return { kind, text: loginText(member, anyAddress(random)) };
    if (kind === "refresh") return this.#refresh(member);
    const key = randomBytes(12).toString("hex");
    const headers = kind === "keyed" ? { "Idempotency-Key": key } : {};
    const body = { name: `chaos ${key}` };
    return {
      kind,
      key,
      text: requestText({ method: "POST", path: "/api/v1/customers", token, headers, body }),
    };
  }

  /** Each token is used once; the answer brings the next. Without one somebody logs in. */
  #refresh(member: Member): Asked {
    const body = { refresh_token: member.refresh_token };
    if (body.refresh_token === null) return this.#make("login");
    member.refresh_token = null;
    return {
      kind: "refresh",
      text: requestText({ method: "POST", path: "/api/v1/auth/refresh", body }),
      answered: (answer) => {
        member.refresh_token = (JSON.parse(answer) as { refresh_token: string }).refresh_token;
      },
    };
  }
}

/** `address` is whom the login is counted against, where whoever is asked believes us. */
export function loginText(
  { username, password }: Pick<Member, "username" | "password">,
  address: string,
): string {
  return requestText({
    method: "POST",
    path: "/api/v1/auth/login",
    headers: { "X-Forwarded-For": address },
    body: { username, password },
  });
}

/** An address of a private network: people do not all log in from one. */
export const anyAddress = (random: () => number): string =>
  `10.${[0, 0, 0].map(() => Math.floor(random() * 256)).join(".")}`;
