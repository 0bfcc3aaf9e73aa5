import { chmodSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { expect } from "bun:test";
import { type NginxSettings, writeNginx } from "../../src/fleet/nginx.ts";
import { startProgram } from "./program.ts";
import { freePort, makeTestFolder } from "./services.ts";

/** Where nginx is, as the runner of the tests found it. */
export const nginxPath = (): string => process.env["NGINX_PATH"] ?? "nginx";

/** One line of the access log. */
export type LogLine = Readonly<
  Record<"request_id" | "method" | "path" | "upstream" | "upstream_status" | "pool" | "client", string> & {
    status: number;
  } & Record<string, unknown>
>;

export type TestNginx = Readonly<{
  url: string;
  port: number;
  folder: string;
  pid: number;
  /** Writes the configuration anew and lets nginx read it; returns when only its new workers take connections. */
  reload(change: Partial<NginxSettings>): Promise<void>;
  /** The line of a request, as text: it comes within a second. */
  line(request_id: string): Promise<string>;
  output(): string;
  stop(): Promise<void>;
}>;

type Changes = Partial<NginxSettings> & Pick<NginxSettings, "upstreams">;

/** nginx on a free port before `upstreams`, with generous limits unless the test says otherwise. */
export async function startTestNginx(folder: string, changes: Changes): Promise<TestNginx> {
  const port = await freePort();
  let settings: NginxSettings = {
    folder: join(folder, "nginx"),
    listen: [`127.0.0.1:${port}`],
    api_rate_per_s: 0,
    login_rate_per_min: 0,
    ...changes,
  };
  const files = writeNginx(settings);
  const program = startProgram([nginxPath(), ...files.arguments], {});
  const url = `http://127.0.0.1:${port}`;
  const log = join(settings.folder, "access.log");
  await untilTrue(
    () => answers(port),
    () => `nginx listens:\n${program.output()}`,
  );
  return {
    url,
    port,
    folder: settings.folder,
    pid: program.pid,
    async reload(change) {
      settings = { ...settings, ...change };
      writeNginx(settings);
      const former = await workersOf(program.pid);
      program.signal("SIGHUP");
      await untilTrue(
        async () => (await Promise.all(former.map(isLeaving))).every(Boolean),
        () => `the former workers leave:\n${program.output()}`,
      );
    },
    async line(request_id) {
      let found = "";
      const find = async () => {
        const text = await Bun.file(log)
          .text()
          .catch(() => "");
        found = text.split("\n").find((line) => line.includes(request_id)) ?? "";
        return found !== "";
      };
      await untilTrue(find, () => `a line of ${request_id}`);
      return found;
    },
    output: program.output,
    async stop() {
      program.signal("SIGTERM");
      await program.exited;
    },
  };
}

/** The children of a process: nginx's workers. https://man7.org/linux/man-pages/man5/proc.5.html */
async function workersOf(pid: number): Promise<string[]> {
  const text = await Bun.file(`/proc/${pid}/task/${pid}/children`).text();
  return text.trim().split(" ");
}

/** A worker that takes no connections any more says so in its title; until then it may take one. */
async function isLeaving(pid: string): Promise<boolean> {
  const title = await Bun.file(`/proc/${pid}/cmdline`)
    .text()
    .catch(() => "");
  return title === "" || title.includes("shutting down");
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function untilTrue(
  holds: () => boolean | Promise<boolean>,
  what: () => string,
  limit_ms = 10_000,
): Promise<void> {
  const deadline = performance.now() + limit_ms;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never: ${what()}`);
    await Bun.sleep(10);
  }
}

/** A replica that is none: what it is asked, and an answer that the test chooses. */
export type Stub = Readonly<{
  name: string;
  /** As nginx lists it. */
  upstream: string;
  /** `METHOD /path` of every request that reached it. */
  seen: string[];
  /** Ends it as `kill -9` does: connections break, and its socket stays behind with nobody on it. */
  kill(): void;
  stop(): void;
}>;

type Answer = (request: Request, stub: Stub) => Response | Promise<Response>;

/** Answers over a unix socket, in JSON with its name and what it was asked, unless told otherwise. */
export function startStub(folder: string, name: string, answer: Answer = echo): Stub {
  const path = join(folder, `${name}.sock`);
  rmSync(path, { force: true });
  const seen: string[] = [];
  const options = {
    unix: path,
    idleTimeout: 75,
    fetch(request: Request) {
      seen.push(`${request.method} ${pathOf(request)}`);
      return answer(request, stub);
    },
  };
  const server = Bun.serve(options as unknown as Bun.Serve.Options<undefined>);
  const stop = () => void server.stop(true);
  const stub: Stub = { name, upstream: `unix:${path}`, seen, stop, kill: stop };
  return stub;
}

/** Takes requests and breaks the connection without an answer: a replica that dies at work, again and again. */
export function startCrasher(folder: string, name: string): Stub {
  const path = join(folder, `${name}.sock`);
  const seen: string[] = [];
  const server = Bun.listen({
    unix: path,
    socket: {
      data(socket, data) {
        seen.push(/^\S+ \S+/.exec(data.toString())?.[0] ?? "");
        socket.terminate();
      },
    },
  });
  const stop = () => server.stop(true);
  return { name, upstream: `unix:${path}`, seen, stop, kill: stop };
}

const pathOf = (request: Request): string => request.url.slice(request.url.indexOf("/", 8));

/** What a stub was asked, as its answer tells it. */
export type Echo = {
  name: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body_bytes: number;
};

async function echo(request: Request, { name }: Stub): Promise<Response> {
  const { length: body_bytes } = await request.bytes();
  const headers = Object.fromEntries(request.headers);
  const asked: Echo = { name, method: request.method, path: pathOf(request), headers, body_bytes };
  return Response.json(asked, { headers: { "x-replica": name } });
}

/** A folder with nginx and stubs in it, gone with everything in it when the tests are over. */
export function makeRig(): {
  folder: string;
  own<T extends { stop(): unknown }>(thing: T): T;
  stop(): Promise<void>;
} {
  const folder = makeTestFolder();
  // Workers of nginx run as another user where a test says so.
  chmodSync(folder, 0o777);
  const owned: { stop(): unknown }[] = [];
  return {
    folder,
    own(thing) {
      owned.push(thing);
      return thing;
    },
    async stop() {
      for (const thing of owned.toReversed()) await thing.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sends bytes as they are and gives all that comes back until the other side closes, or `until` matches. */
export function sendRaw(port: number, text: string, until?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1", () => socket.write(text, "latin1"));
    let answer = "";
    const finish = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding("latin1").on("data", (chunk) => {
      answer += String(chunk);
      if (until?.test(answer) === true) finish();
    });
    socket.once("end", finish).once("close", finish).once("error", reject).setTimeout(20_000, finish);
  });
}

type Fate = { answered: number; lost: number; connections: number };

/**
 * Sends one POST after the other, on one connection as long as that is kept, and none twice: a request whose connection
 * ends without an answer is lost.
 */
export function startBusyClient(port: number): { stop(): Promise<Fate> } {
  const request = "POST /api/v1/auth/logout HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  const fate: Fate = { answered: 0, lost: 0, connections: 0 };
  let stopped = false;
  const converse = async (): Promise<void> => {
    const socket = connect(port, "127.0.0.1");
    fate.connections += 1;
    let is_open = true;
    let settle: (answer: string) => void = () => {};
    socket.on("data", (data) => settle(String(data))).on("error", () => {});
    socket.on("close", () => {
      is_open = false;
      settle("");
    });
    while (!stopped && is_open) {
      const answer = await new Promise<string>((resolve) => {
        settle = resolve;
        socket.write(request);
      });
      if (answer === "") fate.lost += 1;
      else fate.answered += 1;
      if (/^connection: close/im.test(answer)) break;
      await Bun.sleep(20 + Math.random() * 20);
    }
    socket.destroy();
  };
  const ended = (async () => {
    while (!stopped) await converse();
  })();
  return {
    async stop() {
      stopped = true;
      await ended;
      return fate;
    },
  };
}

/**
 * Asserts that an answer is a problem that nginx made: with every member and header that the application's have.
 *
 * @returns its members
 */
export async function expectNginxProblem(
  answer: Response | Promise<Response>,
  status: number,
  code: string,
): Promise<Record<string, unknown>> {
  const response = await answer;
  const { headers } = response;
  const text = await response.text();
  expect(`${response.status} ${headers.get("content-type")} ${text}`).toStartWith(
    `${status} application/problem+json {"type":"/docs/errors#${code}"`,
  );
  const body = JSON.parse(text) as Record<string, unknown>;
  expect(Object.keys(body)).toEqual(["type", "title", "status", "detail", "instance", "code", "request_id"]);
  expect(body).toMatchObject({ status, code, request_id: headers.get("x-request-id") });
  expect(Object.fromEntries(headers)).toMatchObject(securityHeaders);
  expect(headers.get("cache-control")).toBe("no-store");
  return body;
}

/** What every answer carries, each once. */
export const securityHeaders = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
} as const;
