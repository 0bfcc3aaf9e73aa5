import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { reloadNginx } from "../../src/fleet/nginx-reload.ts";
import {
  type Echo,
  expectNginxProblem,
  makeRig,
  sendRaw,
  startBusyClient,
  startStub,
  startTestNginx,
  type Stub,
} from "../helpers/nginx.ts";
import { freePort } from "../helpers/services.ts";

const rig = makeRig();
let stub: Stub;
beforeAll(() => {
  stub = rig.own(startStub(rig.folder, "stub"));
});
afterAll(() => rig.stop());

const start = async (name: string, changes: Partial<Parameters<typeof startTestNginx>[1]> = {}) =>
  rig.own(await startTestNginx(join(rig.folder, name), { upstreams: [stub.upstream], ...changes }));

describe("limits per address", () => {
  test("a flood of requests is refused with 429 and the seconds to wait, wherever it claims to come from", async () => {
    const nginx = await start("flood", { api_rate_per_s: 5 });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        fetch(`${nginx.url}/api/v1/me`, { headers: { "x-forwarded-for": `10.0.0.${at}` } }),
      ),
    );
    const refused = answers.filter(({ status }) => status === 429);
    // One at once, ten beyond it; a slow machine lets some more come due meanwhile.
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(11);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers.get("retry-after")).toBe("1");
    await expectNginxProblem(refused[0] ?? new Response(), 429, "rate_limited");
  });

  test("logins are refused long before other requests are, and later than by the application", async () => {
    const nginx = await start("logins", { login_rate_per_min: 5 });
    const login = () => fetch(`${nginx.url}/api/v1/auth/login?x=1`, { method: "POST" });
    const answers: Response[] = [];
    for (let turn = 0; turn < 13; turn += 1) answers.push(await login());
    const statuses = answers.map(({ status }) => status);
    // The application refuses the sixth in a minute; the twelfth does not reach it any more.
    expect(statuses.slice(0, 11)).toEqual(Array.from({ length: 11 }, () => 200));
    expect(statuses.at(-1)).toBe(429);
    expect(answers.at(-1)?.headers.get("retry-after")).toBe("12");
    await expectNginxProblem(answers.at(-1) ?? new Response(), 429, "rate_limited");
    expect((await fetch(`${nginx.url}/api/v1/me`)).status).toBe(200);
  });

  test("a rate of 0 is none", async () => {
    const nginx = await start("unlimited");
    const answers = await Promise.all(
      Array.from({ length: 400 }, () => fetch(`${nginx.url}/api/v1/auth/login`)),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  });
});

describe("the canary", () => {
  const share = async (percent: number) => {
    const canary = rig.own(startStub(rig.folder, `canary-${percent}`));
    const nginx = await start(`share-${percent}`, { canary: { upstreams: [canary.upstream], percent } });
    const names = await Promise.all(
      Array.from({ length: 400 }, async (_, person) => {
        const asks = [1, 2].map(async () => {
          const headers = { authorization: `Bearer token-${person}` };
          return ((await (await fetch(`${nginx.url}/api/v1/me`, { headers })).json()) as Echo).name;
        });
        const [first, second] = await Promise.all(asks);
        expect(second).toBe(first ?? "");
        return first;
      }),
    );
    return names.filter((name) => name === canary.name).length / names.length;
  };

  test.each([0, 100])("with %d % is all or nothing", async (percent) => {
    expect(await share(percent)).toBe(percent / 100);
  });

  // The hash of the tokens, and so the outcome, is the same at every run.
  test("with 25 % answers about a quarter of the clients, each of them always", async () => {
    const found = await share(25);
    expect(found).toBeGreaterThan(0.2);
    expect(found).toBeLessThan(0.3);
  });
});

describe("streams", () => {
  /** A stub whose stream says something when it is told to. */
  function startSpeaker(name: string, headers: Record<string, string>) {
    let speak: (text: string) => void = () => {};
    const speaker = rig.own(
      startStub(rig.folder, name, () => {
        const stream = new ReadableStream({
          start(controller) {
            speak = (text) => controller.enqueue(new TextEncoder().encode(text));
            speak("data: first\n\n");
          },
        });
        return new Response(stream, { headers: { "content-type": "text/event-stream", ...headers } });
      }),
    );
    return { speaker, speak: (text: string) => speak(text) };
  }

  test.each([
    ["/api/v1/chat/completions", {}],
    ["/api/v1/some/path", { "x-accel-buffering": "no" }],
  ])("each event of %s arrives when it is said", async (path, headers) => {
    const { speaker, speak } = startSpeaker(`sse-${path.length}`, headers);
    const nginx = await start(`sse-${path.length}`, { upstreams: [speaker.upstream] });
    const answer = await fetch(`${nginx.url}${path}`, {
      method: "POST",
      body: "{}",
      headers: { "accept-encoding": "gzip" },
    });
    const reader = (answer.body ?? new ReadableStream()).getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value as Uint8Array);
    expect(await next()).toBe("data: first\n\n");
    // Said only after the first has arrived: held back, neither would ever come.
    speak("data: second\n\n");
    expect(await next()).toBe("data: second\n\n");
    expect(answer.headers.get("content-encoding")).toBeNull();
    await reader.cancel();
  });

  test("they may be silent for longer than a replica may with other answers", async () => {
    const { speaker, speak } = startSpeaker("silent", {});
    const nginx = await start("silent", { upstreams: [speaker.upstream], read_timeout_s: 1 });
    const listen = async (path: string) => {
      const answer = await fetch(`${nginx.url}${path}`);
      const reader = (answer.body ?? new ReadableStream<Uint8Array>()).getReader();
      await reader.read();
      return { reader, next: () => reader.read().then(({ value }) => new TextDecoder().decode(value)) };
    };
    const other = await listen("/api/v1/other");
    // It ends, one way or the other, with nothing more said.
    expect(await other.next().catch(() => "")).toBe("");
    const stream = await listen("/api/v1/chat/threads/1/messages");
    await Bun.sleep(1_500);
    speak("data: late\n\n");
    expect(await stream.next()).toBe("data: late\n\n");
    await stream.reader.cancel();
  });

  test("a WebSocket is opened at its path and nowhere else, and frames go both ways", async () => {
    const path = join(rig.folder, "socket.sock");
    const upgrades: string[] = [];
    const options = {
      unix: path,
      fetch(request: Request, server: Bun.Server<undefined>) {
        upgrades.push(request.headers.get("upgrade") ?? "none");
        return server.upgrade(request) ? undefined : new Response("no upgrade");
      },
      websocket: { message: (socket: Bun.ServerWebSocket, text: string) => void socket.send(`${text} back`) },
    };
    const server = Bun.serve(options);
    rig.own({ stop: () => server.stop(true) });
    const nginx = await start("socket", { upstreams: [`unix:${path}`] });
    const socket = new WebSocket(`ws://127.0.0.1:${nginx.port}/api/v1/ws`);
    const said = new Promise<string>((resolve, reject) => {
      socket.addEventListener("message", (event) => resolve(String(event.data)));
      socket.addEventListener("error", () => reject(new Error("no WebSocket")));
    });
    socket.addEventListener("open", () => socket.send("there and"));
    expect(await said).toBe("there and back");
    socket.close();
    const asked = { upgrade: "websocket", connection: "upgrade" };
    expect(await (await fetch(`${nginx.url}/api/v1/me`, { headers: asked })).text()).toBe("no upgrade");
    expect(upgrades).toEqual(["websocket", "none"]);
  });
});

describe("slow clients", () => {
  test("a thousand that never finish their request leave good ones alone", async () => {
    const nginx = await start("slow");
    const hangers = Array.from({ length: 1_000 }, (_, at) => {
      const socket = connect(nginx.port, "127.0.0.1");
      // Half of them stop in the header, half in the body.
      const body = "POST /api/v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx";
      socket.on("error", () => {}).write(at % 2 === 0 ? "GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-" : body);
      return socket;
    });
    await Promise.all(hangers.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    const before = stub.seen.length;
    for (let turn = 0; turn < 50; turn += 1) expect((await fetch(`${nginx.url}/api/v1/me`)).status).toBe(200);
    // None of them has come as far as a replica.
    expect(stub.seen.length).toBe(before + 50);
    for (const socket of hangers) socket.destroy();
  });

  test("a connection is told how long it is kept, less than it is", async () => {
    const nginx = await start("kept");
    const answer = await sendRaw(nginx.port, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", /\r\n\r\n/);
    expect(answer).toContain("Keep-Alive: timeout=70\r\n");
    expect(await Bun.file(join(nginx.folder, "conf/timeouts.conf")).text()).toContain(
      "keepalive_timeout 75s 70s;",
    );
  });
});

describe("a reload", () => {
  test("ends no request that is under way, and new ones go to the new replicas", async () => {
    const gate = Promise.withResolvers<void>();
    const former = rig.own(
      startStub(rig.folder, "former", async () => {
        await gate.promise;
        return new Response("from the former");
      }),
    );
    const nginx = await start("reload", { upstreams: [former.upstream] });
    const waiting = fetch(`${nginx.url}/api/v1/me`);
    while (former.seen.length === 0) await Bun.sleep(5);
    await nginx.reload({ upstreams: [stub.upstream] });
    const echo = (await (await fetch(`${nginx.url}/api/v1/me`, { keepalive: false })).json()) as Echo;
    expect(echo.name).toBe("stub");
    gate.resolve();
    expect(await (await waiting).text()).toBe("from the former");
  });

  // Without sending them away first, about ten of these clients lose a request at every reload.
  test("loses no request of busy clients that keep their connections and send nothing twice", async () => {
    const nginx = await start("busy");
    const clients = Array.from({ length: 50 }, () => startBusyClient(nginx.port));
    await Bun.sleep(200);
    await reloadNginx(nginx, () => process.kill(nginx.pid, "SIGHUP"));
    await Bun.sleep(200);
    const fates = await Promise.all(clients.map((client) => client.stop()));
    expect(fates.reduce((sum, { lost }) => sum + lost, 0)).toBe(0);
    expect(fates.filter(({ answered, connections }) => answered < 10 || connections < 2)).toEqual([]);
    expect(existsSync(join(nginx.folder, "reloading"))).toBe(false);
  });

  test("reaches replicas by host and port as well", async () => {
    const port = await freePort();
    const server = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response("by port") });
    rig.own({ stop: () => server.stop(true) });
    const nginx = await start("port", { upstreams: [`127.0.0.1:${port}`] });
    expect(await (await fetch(`${nginx.url}/x`)).text()).toBe("by port");
  });
});
